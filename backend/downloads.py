"""Files from a server: resumed where they broke off, checked before they count. Standard library only."""

import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlparse

from backend.errors import InstallError, NetworkError
from backend.storage import flush_to_disk, put_in_place, sha256_of, writing_errors

log = logging.getLogger(__name__)

OnBytes = Callable[[int], None]
"""Called with the bytes of the file that are there; may raise, which stops and keeps them."""

STALL_S = 30.0
"""A server that sends nothing for this long counts as gone."""
TRIES = 4
_BLOCK = 1 << 16
_PAUSE_S = 1.0
_SCHEMES = ("https", "http")
_OK, _PARTIAL, _UNSATISFIABLE = 200, 206, 416


def download(
    url: str,
    target: Path,
    *,
    sha256: str,
    size: int,
    on_bytes: OnBytes,
    stall_s: float = STALL_S,
    pause_s: float = _PAUSE_S,
) -> None:
    """Fetch a file to `target`, which is whole or not there; what an earlier try fetched is kept.

    Raises:
        NetworkError: the server is gone or broke off too often; a later call goes on.
        InstallError: the server has no such file, or another than it should be.
        StorageError: the disk is full or the folder cannot be written.
    """
    if urlparse(url).scheme not in _SCHEMES:
        raise InstallError(f"{target.name} has no address that can be fetched; report this")
    part = target.with_name(target.name + ".part")
    with writing_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(TRIES):
        before = _size(part)
        if before > size:
            part.unlink(missing_ok=True)
        try:
            _fetch(url, part, size=size, on_bytes=on_bytes, stall_s=stall_s)
            break
        except NetworkError as error:
            is_last = attempt == TRIES - 1
            log.warning("%s (try %d of %d)", error, attempt + 1, TRIES)
            if is_last and _size(part) <= before:
                raise
            time.sleep(pause_s * attempt)
    if _size(part) != size:
        raise NetworkError(f"The download of {target.name} broke off; try again, it goes on where it stopped")
    _accept(part, target, sha256=sha256)


def _accept(part: Path, target: Path, *, sha256: str) -> None:
    if sha256_of(part) != sha256:
        part.unlink(missing_ok=True)
        raise InstallError(f"{target.name} is not the file it should be; try again or report this")
    with writing_errors(target):
        flush_to_disk(part)
        put_in_place(part, target)


def _fetch(url: str, part: Path, *, size: int, on_bytes: OnBytes, stall_s: float) -> None:
    """Fetch what is missing of a file.

    Raises:
        NetworkError, InstallError, StorageError: as `download`.
    """
    start = _size(part)
    if start == size:
        return
    headers = {"Range": f"bytes={start}-", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=stall_s) as answer:
            is_rest = answer.status == _PARTIAL and _first_byte(answer.headers.get("Content-Range")) == start
            done = start if is_rest else 0
            with writing_errors(part):
                file = part.open("ab" if is_rest else "wb")
            with file:
                while done < size and (block := answer.read(_BLOCK)):
                    with writing_errors(part):  # Around the writing alone: reading has errors of its own.
                        file.write(block[: size - done])
                    done = min(done + len(block), size)
                    on_bytes(done)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == _UNSATISFIABLE:
            part.unlink(missing_ok=True)
        elif error.code < 500:
            raise InstallError(f"The server has no {_name(url)} ({error.code}); report this") from error
        raise NetworkError(
            f"The server cannot give {_name(url)} now ({error.code}); try again later"
        ) from error
    except (OSError, HTTPException) as error:
        raise NetworkError(
            f"The server of {_name(url)} does not answer; check the network, try again"
        ) from error
    if done < size:
        raise NetworkError(f"The download of {_name(url)} broke off at {done} of {size} bytes; try again")


def _first_byte(content_range: str | None) -> int | None:
    """Where the bytes of an answer begin, from a header such as `bytes 5-9/10`."""
    text = (content_range or "").removeprefix("bytes ").partition("-")[0]
    return int(text) if text.isdecimal() else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _name(url: str) -> str:
    return urlparse(url).path.rpartition("/")[2] or url


def is_sha256(path: Path, sha256: str) -> bool:
    """The file is there and has this checksum."""
    return path.is_file() and sha256_of(path) == sha256
