"""What every command of build.py needs: its folders, its words, and how it runs programs."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


class BuildError(Exception):
    """A command cannot go on; the message is one sentence that says what to do."""


def say(text: str) -> None:
    """Print at once, also into a pipe, so that lines of child processes come in their order."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(arguments: Sequence[str | Path], *, timeout_s: int | None = None) -> int:
    """Run a program in the repository with its output shown; returns its exit status (124: timed out)."""
    # On a busy machine torch spends more time waiting in loops than working (see backend/__main__.py).
    environment = {"GOMP_SPINCOUNT": "10000", **os.environ}
    try:
        return subprocess.run(
            [str(part) for part in arguments], cwd=ROOT, timeout=timeout_s, env=environment, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        return 124


def ask(arguments: Sequence[str | Path], *, extra: Mapping[str, str] | None = None) -> str | None:
    """Return what a program prints, or None where it is missing or fails; `extra` are variables for it."""
    command, environment = [str(part) for part in arguments], os.environ | dict(extra or {})
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def pip(*arguments: str | Path) -> None:
    """Run the environment's pip on hash-locked files; binary packages only, so nothing needs a compiler."""
    command = [PYTHON, "-m", "pip", *arguments]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = errors[-1] if errors else (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BuildError(f"pip failed ({reason}); check the network and try again: what was fetched is kept.")


HASHED = ("--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:")
"""How pip is always called: on locks, and on nothing that would have to be compiled."""


def digest(path: Path) -> str:
    """Return a file's SHA-256."""
    with path.open("rb") as stream:
        sha = hashlib.sha256()
        while block := stream.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()
