"""How the backend process is started: command, environment, log file, and why it ended."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..backend.installation import STATE_FILE, State, lock_digests, read_state
from .errors import BackendError, SetupError
from .orphans import tie
from .texts import tr

EXTENSION_ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds `addon` and `backend`."""

LOGS, REQUIREMENTS = "logs", "requirements"
KEPT_LOGS = 10
_TAIL_LINES = 40
_TAIL_BYTES = 16384
_NO_WINDOW = 0x08000000

_ALLOWED = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "LANG",
        "LANGUAGE",
        "LC_ALL",
        "LC_CTYPE",
        "TZ",
        "TMPDIR",
        "XDG_RUNTIME_DIR",
        "SYSTEMROOT",
        "SYSTEMDRIVE",
        "WINDIR",
        "COMSPEC",
        "PATHEXT",
        "TEMP",
        "TMP",
        "USERPROFILE",
        "USERNAME",
        "APPDATA",
        "LOCALAPPDATA",
        "PROGRAMDATA",
        "PROGRAMFILES",
        "NUMBER_OF_PROCESSORS",
        "PROCESSOR_ARCHITECTURE",
        "CUDA_VISIBLE_DEVICES",
        "CUDA_DEVICE_ORDER",
        "CUDA_CACHE_PATH",
        "NVIDIA_VISIBLE_DEVICES",
        "NVIDIA_DRIVER_CAPABILITIES",
        "HIP_VISIBLE_DEVICES",
        "ROCR_VISIBLE_DEVICES",
        "HSA_OVERRIDE_GFX_VERSION",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "PYTORCH_CUDA_ALLOC_CONF",
        "PYTORCH_ALLOC_CONF",
    }
)
"""Variables handed on. Not among them: PYTHONHOME, LD_LIBRARY_PATH, conda's and proxies, which
make a private Python load the wrong libraries or ask the network where it should not."""


_NETWORK = frozenset(
    {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC"}
)
"""Handed on to the installer alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """What is needed to start the backend once."""

    python: Path
    data_root: Path
    arguments: tuple[str, ...] = ("-m", "backend", "worker")
    log_name: str = "backend"
    has_network: bool = False
    """The process may use the network: it gets the variables on proxies, certificates and uv's indexes."""


def find_python(chosen: str, environment: Mapping[str, str], data_root: Path | None = None) -> Path:
    """The Python that runs the backend.

    The first of: the chosen one, that of ONE2345_PYTHON, the installed one of a data root, that of a
    checkout's `.venv`.

    Raises:
        SetupError: there is none, or the installed one is not what this version needs.
    """
    named = chosen or environment.get("ONE2345_PYTHON", "")
    if named:
        if not Path(named).is_file():
            text = "There is no Python at {path}. Choose another in the add-on preferences."
            raise SetupError(tr(text, path=named))
        return Path(named).absolute()  # not resolved: an environment is known by its own path
    if data_root is not None and (state := installed_state(data_root)) is not None:
        return _installed_python(state, data_root)
    beside = EXTENSION_ROOT / ".venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not beside.is_file():
        raise SetupError(tr("The backend is not installed yet. Install it in the add-on preferences."))
    return beside


def installed_state(data_root: Path) -> State | None:
    """What is installed in a data root; read anew only when it changes, since panels ask at every redraw."""
    try:
        changed_ns = (data_root / STATE_FILE).stat().st_mtime_ns
    except OSError:
        return None
    return _read_state(data_root, changed_ns)


@lru_cache(maxsize=4)
def _read_state(data_root: Path, changed_ns: int) -> State | None:
    return read_state(data_root)


@lru_cache(maxsize=16)
def fits_this_version(state_locks: tuple[tuple[str, str], ...]) -> bool:
    """The requirement files of these names and checksums are the ones that this version brings."""
    names = [name for name, _ in state_locks]
    return lock_digests(EXTENSION_ROOT / REQUIREMENTS, names) == dict(state_locks)


def is_current(state: State) -> bool:
    """What is installed is what this version of the extension needs."""
    return fits_this_version(tuple((name, str(digest)) for name, digest in state.locks.items()))


def _installed_python(state: State, data_root: Path) -> Path:
    if not state.is_whole(data_root):
        raise SetupError(tr("The installed backend is damaged. Click Repair in the add-on preferences."))
    if not is_current(state):
        raise SetupError(tr("This version needs newer packages. Click Update in the add-on preferences."))
    return state.python_in(data_root)


def default_data_root(environment: Mapping[str, str]) -> Path:
    """Where models, jobs and logs go unless the artist chooses: the place the command line uses, too."""
    if chosen := environment.get("ONE2345_DATA"):
        return Path(chosen)
    home = Path.home()
    if sys.platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or home / "AppData/Local") / "one2345"
    if sys.platform == "darwin":
        return home / "Library/Application Support/one2345"
    return Path(environment.get("XDG_DATA_HOME") or home / ".local/share") / "one2345"


def child_environment(
    parent: Mapping[str, str], data_root: Path, *, has_network: bool = False
) -> dict[str, str]:
    """The backend's environment: allow-listed variables and our own, caches in the data root."""
    allowed = _ALLOWED | _NETWORK if has_network else _ALLOWED
    kept = {
        name: value
        for name, value in parent.items()
        if name.upper() in allowed or (has_network and name.startswith("UV_"))
    }
    cache = data_root / "cache"
    return kept | {
        "PYTHONPATH": str(EXTENSION_ROOT),
        "PYTHONSAFEPATH": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "ONE2345_DATA": str(data_root),
        "XDG_CACHE_HOME": str(cache),
        "HF_HOME": str(cache / "huggingface"),
        "TORCH_HOME": str(cache / "torch"),
        "WARP_CACHE_PATH": str(cache / "warp"),
        "HF_HUB_OFFLINE": "0" if has_network else "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }


def start_process(launch: Launch) -> tuple[subprocess.Popen[bytes], Path]:
    """Start the backend with pipes on stdin and stdout; its stderr goes to the returned log.

    Raises:
        SetupError: the data folder cannot be written.
        BackendError: the system cannot run the chosen Python.
    """
    log_path = _new_log(launch.data_root, launch.log_name)
    command = [str(launch.python), *launch.arguments]
    with log_path.open("ab") as log_file:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log_file,
                bufsize=0,
                cwd=launch.data_root,
                env=child_environment(os.environ, launch.data_root, has_network=launch.has_network),
                creationflags=_NO_WINDOW if sys.platform == "win32" else 0,
                start_new_session=True,  # Ctrl+C in Blender's terminal is for Blender alone
            )
        except OSError as error:
            text = "Cannot start {path}: {reason}. Choose the backend's Python in the add-on preferences."
            raise BackendError(tr(text, path=launch.python, reason=error.strerror or error)) from error
    tie(process)
    return process, log_path


def log_tail(log_path: Path) -> list[str]:
    """The last lines of a log; empty when it cannot be read."""
    try:
        with log_path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-_TAIL_LINES:]


def _new_log(data_root: Path, log_name: str = "backend") -> Path:
    folder = data_root / LOGS
    name = f"{log_name}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        old = sorted(folder.glob(f"{log_name}-*.log"))[: -KEPT_LOGS + 1]
        for path in old:
            with contextlib.suppress(PermissionError):  # Windows keeps what another Blender's backend writes
                path.unlink(missing_ok=True)
        (folder / name).touch()
    except OSError as error:
        text = "Cannot write to the data folder {path}: {reason}. Choose another in the add-on preferences."
        raise SetupError(tr(text, path=data_root, reason=error.strerror)) from error
    return folder / name
