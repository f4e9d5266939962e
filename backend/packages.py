"""uv: taken out of the wheel that the extension bundles, run, and understood when it fails.

Blender unpacks no programs from wheels, so the wheel is plain data and its binary is copied to `bin/` of the
data root with the mode that lets it run. Standard library only: Blender's own Python runs this.
"""

import logging
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from backend.errors import InstallError, NetworkError, One2345Error, StorageError
from backend.storage import flush_to_disk, part_of, put_in_place, remove_tree, writing_errors

log = logging.getLogger(__name__)


class Watch:
    """What is told of a running program; both may raise, which ends it."""

    def on_line(self, line: str) -> None:
        """Take a line that it wrote."""

    def on_tick(self) -> None:
        """Look around, several times a second."""


KIT_WHEELS, KIT_PYTHON, KIT_FILE = "wheels", "python", "kit.json"
"""In an offline kit: the folder of packages, that of Pythons, and what the kit is for."""

_NAME = "uv.exe" if sys.platform == "win32" else "uv"
_NO_WINDOW = 0x08000000
_KEPT_LINES = 60
_TIMEOUT_S = "60"
_TICK_S = 0.2

_FAULTS: tuple[tuple[str, type[One2345Error], str], ...] = (
    (
        r"os error (28|112)\b|No space left|not enough space",
        StorageError,
        "The disk is full; free some space and click Install again, it goes on where it stopped",
    ),
    (
        r"[Hh]ash mismatch",
        InstallError,
        "A downloaded package is not the file it should be; click Install again, only that one is fetched",
    ),
    (
        r"os error (5|32|225)\b|Access is denied|virus",
        InstallError,
        "Another program, most likely the antivirus, holds a file; "
        "allow the data folder there and click Repair",
    ),
    (
        r"Permission denied|Read-only file system|os error (13|30)\b",
        StorageError,
        "The data folder cannot be written; choose another in the add-on preferences",
    ),
    (
        r"dns error|error sending request|[Cc]onnection|timed out|timeout|operation was canceled"
        r"|unexpected EOF|end of file|tcp connect|error decoding response body|request or response body"
        r"|HTTP status (server|5)",
        NetworkError,
        "The connection broke off or a server does not answer; click Install again, what is there is kept",
    ),
    (
        r"Failed to extract|Invalid zip|ZIP (structure|file)",
        InstallError,
        "A downloaded package is not the file it should be; click Install again, only that one is fetched",
    ),
    (
        r"HTTP status client error|404|was not found in the (package registry|provided package locations)"
        r"|no version of|network was disabled|No solution found|has no wheels",
        InstallError,
        "A package is not where it should be; check the network or choose another folder, then try again",
    ),
)
"""What uv says, and what that means for the artist; the first that fits counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Uv:
    """uv with its places in one data root, and where its packages come from.

    Attributes:
        binary: The program.
        root: The data root; caches, temporary files and Pythons stay in it, so that no other disk fills.
        kit: A folder made by `build.py offline`; then the network is not used.
    """

    binary: Path
    root: Path
    kit: Path | None = None

    def install(self, *, python: Path, locks: Sequence[Path], is_dry: bool, watch: Watch) -> None:
        """Install what hash-locked files name and nothing else, as binaries, into a Python's environment.

        Raises:
            One2345Error: the disk is full, the network is gone, or a package is not what it should be.
        """
        # Without resolving: the locks are complete, and torch's index has other files under names it shares.
        options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", *self._sources(locks)]
        if is_dry:
            options.append("--dry-run")
        files = [part for lock in locks for part in ("-r", str(lock))]
        self.run(["pip", "install", "--python", str(python), *options, *files], watch)

    def take_member(self, lock: Path, member: str, target: Path, watch: Watch) -> None:
        """Put one file of a locked package to `target`, whole; the package itself is not installed.

        The package that holds the matting network refuses newer Pythons, so uv is told of an older one.

        Raises:
            One2345Error: as `install`; or the package holds no such file.
        """
        with writing_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=".part-", dir=target.parent))
        try:
            options = ["--no-deps", "--python-version", "3.10", "--require-hashes", "--only-binary", ":all:"]
            # A copy: what is linked to the cache would be damaged there as well, beyond repair.
            places = [*self._sources([lock]), "--target", str(folder), "--link-mode", "copy"]
            self.run(["pip", "install", *options, *places, "-r", str(lock)], watch)
            source = folder / member
            if not source.is_file():
                raise InstallError(f"The package of {lock.name} holds no {member}; report this")
            with writing_errors(target):
                put_in_place(source, target)
            self.run(["cache", "clean", lock.read_text("utf-8").partition("==")[0]], Watch())
        finally:
            remove_tree(folder)

    def run(self, arguments: Sequence[str], watch: Watch) -> None:
        """Run uv; every line goes to the log and to `watch`.

        Raises:
            One2345Error: it failed; the message is one sentence.
        """
        log.info("uv %s", " ".join(arguments))
        with writing_errors(self.root):
            (self.root / "cache" / "tmp").mkdir(parents=True, exist_ok=True)
        command = [str(self.binary), *arguments]
        lines, code = run_watched(command, environment=self._environment(), folder=self.root, watch=watch)
        if code:
            raise explained(lines, code)

    def _sources(self, locks: Sequence[Path]) -> list[str]:
        if self.kit is not None:
            return ["--offline", "--no-index", "--find-links", str(self.kit / KIT_WHEELS)]
        backend = next((word for lock in locks if (word := torch_backend(lock.stem))), None)
        return ["--torch-backend", backend] if backend else []

    def _environment(self) -> dict[str, str]:
        cache = self.root / "cache"
        own = {
            "UV_CACHE_DIR": str(cache / "uv"),
            "UV_PYTHON_INSTALL_DIR": str(self.root / "python"),
            "UV_NO_CONFIG": "1",
            "UV_NO_PROGRESS": "1",
            "UV_HTTP_TIMEOUT": os.environ.get("UV_HTTP_TIMEOUT", _TIMEOUT_S),
            "UV_SYSTEM_CERTS": "1",
            "NO_COLOR": "1",
            # Not the system's: it may lie on another disk, which would fill without a word.
            "TMPDIR": str(cache / "tmp"),
            "TMP": str(cache / "tmp"),
            "TEMP": str(cache / "tmp"),
        }
        return {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"} | own


def run_watched(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, watch: Watch
) -> tuple[list[str], int]:
    """Run a program to its end; returns its last lines and its exit code.

    Raises:
        InstallError: the system cannot start it.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=folder,
            creationflags=_NO_WINDOW if sys.platform == "win32" else 0,
        )
    except OSError as error:
        name = Path(command[0]).name
        raise InstallError(f"{name} cannot be started ({error.strerror or error}); click Repair") from error
    written: queue.Queue[str | None] = queue.Queue()
    reader = threading.Thread(target=_read_lines, args=(process.stdout, written), daemon=True)
    reader.start()
    last: deque[str] = deque(maxlen=_KEPT_LINES)
    try:
        while (line := _next_line(written, watch)) is not None:
            log.info("%s: %s", Path(command[0]).stem, line)
            last.append(line)
            watch.on_line(line)
        return list(last), process.wait()
    finally:
        # Also when `watch` raised: nothing goes on in the background.
        if process.poll() is None:
            process.kill()
            process.wait()
        reader.join()


def _read_lines(stream: IO[bytes] | None, written: "queue.Queue[str | None]") -> None:
    if stream is not None:
        with stream:
            for raw in stream:
                written.put(raw.decode("utf-8", errors="replace").rstrip())
    written.put(None)


def _next_line(written: "queue.Queue[str | None]", watch: Watch) -> str | None:
    while True:
        watch.on_tick()
        try:
            return written.get(timeout=_TICK_S)
        except queue.Empty:
            continue


def torch_backend(lock: str) -> str | None:
    """uv's word for the index that a build of torch lies in; None where the usual index has it."""
    if os.environ.get("UV_FIND_LINKS"):
        return None  # A site's own wheels come first.
    return {"torch-cpu": "cpu", "torch-cuda12": "cu126", "torch-cuda13": "cu130"}.get(lock)


def find_uv(root: Path, wheels: Path) -> Path:
    """The program: taken out of the bundled wheel, or one that is on the path.

    Raises:
        InstallError: there is neither, or the wheel is damaged.
    """
    bundled = sorted(wheels.glob("uv-*.whl"))
    if bundled:
        return _take_out(bundled[-1], root)
    beside = Path(sys.executable).with_name(_NAME)
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if not found:
        raise InstallError("This zip brings no installer; take the zip that is made for this system")
    return Path(found)


def _take_out(wheel: Path, root: Path) -> Path:
    target = root / "bin" / wheel.name.rpartition("-py3")[0] / _NAME
    try:
        with zipfile.ZipFile(wheel) as archive:
            member = next(item for item in archive.infolist() if item.filename.endswith(f"/scripts/{_NAME}"))
            if target.is_file() and target.stat().st_size == member.file_size and os.access(target, os.X_OK):
                return target
            data = archive.read(member)
    except (OSError, zipfile.BadZipFile, StopIteration) as error:
        raise InstallError("The extension's installer is damaged; install the extension again") from error
    with writing_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        part = part_of(target)
        part.write_bytes(data)
        part.chmod(0o755)
        flush_to_disk(part)
        put_in_place(part, target)
    return target


def explained(lines: Sequence[str], code: int) -> One2345Error:
    """Why uv failed, as an error with one sentence."""
    text = "\n".join(lines)
    for pattern, error, sentence in _FAULTS:
        if re.search(pattern, text):
            return error(sentence)
    last = next((line.strip() for line in reversed(lines) if line.strip()), "no reason given")
    return InstallError(
        f"The packages could not be installed (uv ended with {code}: {last}); the log tells more"
    )
