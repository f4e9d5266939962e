"""Files that are either whole or not there: written beside, flushed to the disk, renamed into place."""

import errno
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from backend.errors import StorageError

PART_PREFIX = ".part-"
"""Files under this name are unfinished; they are never read and removed at the next start."""

_FULL = {errno.ENOSPC, errno.EDQUOT}


def data_root(environment: Mapping[str, str]) -> Path:
    """The folder of models and jobs: `ONE2345_DATA`, or the platform's place for a user's data."""
    if chosen := environment.get("ONE2345_DATA"):
        return Path(chosen)
    home = Path.home()
    if sys.platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or home / "AppData/Local") / "one2345"
    if sys.platform == "darwin":
        return home / "Library/Application Support/one2345"
    return Path(environment.get("XDG_DATA_HOME") or home / ".local/share") / "one2345"


@contextmanager
def writing_errors(path: Path) -> Iterator[None]:
    """Turn what the system says when `path` cannot be written into one sentence.

    Raises:
        StorageError: in place of any OSError.
    """
    try:
        yield
    except OSError as error:
        path = path.with_name(path.name.removeprefix(PART_PREFIX))
        if error.errno in _FULL:
            message = f"The disk is full: {path} cannot be written; free some space and run the job again"
        else:
            message = f"{path} cannot be written ({error.strerror or error}); choose another place"
        raise StorageError(message) from error


def part_of(path: Path) -> Path:
    """Where `path` is written until it is whole; the same suffix, which some writers look at."""
    return path.with_name(PART_PREFIX + path.name)


def flush_to_disk(path: Path) -> None:
    """Wait until the system has put a file's bytes on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


@contextmanager
def writing_whole(path: Path, data: bytes) -> Iterator[None]:
    """Put `data` on the disk beside `path` before the block, and in its place after it.

    Raises:
        StorageError: the disk is full or the place cannot be written; an older file stays as it was.
    """
    part = part_of(path)
    with writing_errors(path):
        try:
            part.write_bytes(data)
            flush_to_disk(part)
            yield
            put_in_place(part, path)
        finally:
            part.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file in one step.

    Raises:
        StorageError: the disk is full or the place cannot be written; an older file stays as it was.
    """
    with writing_whole(path, data):
        pass


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file so that the copy is either whole or not there."""
    write_whole(target, source.read_bytes())


def put_in_place(part: Path, path: Path) -> None:
    """Rename a whole file or folder to where it belongs, in place of the file that is there.

    On Windows a file that somebody reads cannot be replaced in that moment, so it is tried again for a while.

    Raises:
        OSError: it cannot be done.
    """
    _patiently(lambda: part.replace(path))


def remove_tree(folder: Path) -> None:
    """Remove a folder and all that is in it; a folder that is not there is well.

    It is renamed first, so that nobody takes what is left of it for the whole.

    Raises:
        StorageError: something in it cannot be removed.
    """
    if not folder.exists():
        return
    gone = folder.with_name(f"{PART_PREFIX}gone-{os.getpid()}-{time.monotonic_ns()}")
    with writing_errors(folder):
        put_in_place(folder, gone)
        _patiently(lambda: shutil.rmtree(long_path(gone)))


def _patiently(action: Callable[[], object]) -> None:
    """Try again for a second and a half: an antivirus holds files that it looks at, for a moment."""
    for wait_s in (0.1, 0.4, 1.0) if sys.platform == "win32" else ():
        try:
            action()
        except PermissionError:
            time.sleep(wait_s)
        else:
            return
    action()


def long_path(path: Path) -> Path:
    """A path in the form in which Windows takes more than 260 characters; elsewhere the path itself."""
    return Path(extended(os.path.abspath(path))) if sys.platform == "win32" else path


def extended(path: str) -> str:
    r"""An absolute path of Windows with the prefix that lifts the limit: `\\?\C:\a`, `\\?\UNC\server\a`."""
    if path.startswith("\\\\?\\"):
        return path
    return f"\\\\?\\UNC{path[1:]}" if path.startswith("\\\\") else f"\\\\?\\{path}"


def check_writable(path: Path) -> None:
    """Find out before hours of work whether a result can be written to `path`.

    Raises:
        StorageError: when its folder does not exist, refuses files, or `path` is a folder.
    """
    if path.is_dir():
        raise StorageError(f"{path} is a folder; name a file to write")
    if not path.parent.is_dir():
        raise StorageError(f"There is no folder {path.parent}; make it or choose another place")
    if path.exists() and not os.access(path, os.W_OK):
        raise StorageError(f"{path} is write-protected; choose another place")
    probe = path.with_name(f"{PART_PREFIX}{os.getpid()}-{path.name}")
    with writing_errors(path):
        try:
            probe.touch()
        finally:
            probe.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Checksum of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
