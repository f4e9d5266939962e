"""Does the new environment work? Its packages are loaded, then a small picture becomes a mesh."""

import json
import logging
import os
import re
import shutil
import tempfile
from pathlib import Path

from backend.errors import InstallError
from backend.install.options import Options
from backend.install.reporter import Reporter
from backend.packages import Watch, run_watched
from backend.protocol import Failed, Progress, ProtocolError, Stage, decode_event

log = logging.getLogger(__name__)

PICTURE = Path(__file__).with_name("picture.png")
PROBE = Path(__file__).with_name("probe.py")

_IMPORT_FAULTS = (
    (
        r"DLL load failed|WinError (126|127|1114)|vcruntime|msvcp",
        "Windows lacks Microsoft's Visual C++ runtime; install 'Visual C++ Redistributable x64', "
        "then click Repair",
    ),
    (
        r"driver.*(too old|insufficient)|no kernel image|not compatible with the current PyTorch",
        "The graphics driver is too old for the packages; install the newest driver and click Repair",
    ),
    (
        r"cannot open shared object file|libGL|GLIBC",
        "This system lacks a library that the packages need; the log names it. Install it and click Repair",
    ),
)


class _Quiet(Watch):
    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter

    def on_tick(self) -> None:
        self.reporter.check()


class _StageWatch(_Quiet):
    """Follows a job's messages; one part of the step for each stage."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(reporter)
        self.problem = ""

    def on_line(self, line: str) -> None:
        try:
            event = decode_event(line.encode())
        except ProtocolError:
            return
        if isinstance(event, Progress):
            self.reporter.advance(list(Stage).index(event.stage), total=len(Stage), text=event.stage.value)
        elif isinstance(event, Failed):
            self.problem = event.message


def check_imports(python: Path, reporter: Reporter) -> str:
    """Load every package in the new environment; returns where torch computes, `cpu` or `cuda`.

    Raises:
        InstallError: one does not load; the message says why, as far as that can be known.
    """
    # As a file and not as a module: the environment must work before our own code counts.
    command = [str(python), "-s", "-P", str(PROBE)]
    lines, code = run_watched(
        command, environment=_environment(), folder=python.parent, watch=_Quiet(reporter)
    )
    faults, device = read_answer(lines[-1] if lines else f"exit code {code}")
    if faults:
        raise InstallError(explained_imports(faults))
    return device


def read_answer(line: str) -> tuple[dict[str, str], str]:
    """Faults by module and the device, as the probe tells them; anything else is a fault of Python's."""
    try:
        match json.loads(line):
            case {"faults": dict(faults), "device": str(device)}:
                return {str(name): str(fault) for name, fault in faults.items()}, device
            case _:
                pass
    except ValueError:
        pass
    return {"python": line}, ""


def explained_imports(found: dict[str, str]) -> str:
    """One sentence about packages that do not load."""
    text = " ".join(found.values())
    for pattern, sentence in _IMPORT_FAULTS:
        if re.search(pattern, text):
            return sentence
    name, reason = next(iter(found.items()), ("python", "no answer"))
    return f"The package {name} does not load ({reason}); click Repair, and report this if that does not help"


def run_small_job(python: Path, options: Options, reporter: Reporter) -> None:
    """Make a mesh from the picture that comes with the installer.

    Raises:
        InstallError: there is none in the end.
    """
    folder = Path(tempfile.mkdtemp(prefix=".part-test-", dir=options.root))
    output = folder / "mesh.glb"
    arguments = ["generate", str(PICTURE), "-o", str(output), "--job", str(folder / "job"), "--json"]
    small = ["--preset", "draft", "--faces", "1000", "--texture", "128"]
    watch = _StageWatch(reporter)
    try:
        lines, code = run_watched(
            [str(python), "-m", "backend", *arguments, *small],
            environment=_environment()
            | {"ONE2345_DATA": str(options.root), "PYTHONPATH": str(options.extension)},
            folder=options.root,
            watch=watch,
        )
        if code or not output.is_file():
            reason = watch.problem or (lines[-1] if lines else f"exit code {code}")
            raise InstallError(
                f"The test failed ({reason}); click Repair, and report this if that does not help"
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environment() -> dict[str, str]:
    own = {"PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", "PYTHONSAFEPATH": "1"}
    left_out = {"PYTHONHOME", "VIRTUAL_ENV", "PYTHONPATH"}
    return {name: value for name, value in os.environ.items() if name not in left_out} | own
