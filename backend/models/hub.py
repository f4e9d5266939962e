"""Fetching models from the hub, when asked: only what is read of them."""

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import httpx2
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

from backend.errors import ConfigError, InstallError, NetworkError
from backend.models.public_models import PublicModel, check_folder, wanted_files
from backend.models.registry import write_checksums
from backend.models.text_models import known_text_model, place_of, repo_of
from backend.storage import put_in_place, remove_tree, sha256_of, writing_errors

log = logging.getLogger(__name__)

_INDEX_FILE = "model_index.json"
_SMALL = (".json", ".txt", ".model")
_TENSORS, _HALF = ".safetensors", ".fp16.safetensors"
_HALF_INDEX, _WHOLE_INDEX = ".safetensors.index.fp16.json", ".safetensors.index.json"


def fetch_text_model(name: str, root: Path, *, is_accepted: bool) -> Path:
    """Download a text-to-image model into a data root; what an earlier try fetched is kept.

    Args:
        name: One of the named models, or an id of the hub.
        is_accepted: The terms of a model that is not free for every use were read and accepted.

    Raises:
        ConfigError: its terms were not accepted.
        InstallError: there is no such model, it asks for a login, or it is none that diffusers reads.
        NetworkError: the hub cannot be reached or broke off; a later call goes on.
        StorageError: the disk is full or the folder cannot be written.
    """
    known, repo, target = known_text_model(name), repo_of(name), place_of(name, root)
    if not (is_accepted or (known is not None and known.is_free)):
        licence = known.licence if known else "terms of its own"
        raise ConfigError(
            f"{known.title if known else name} is under {licence}, which may not allow every use;"
            " read it, then download with --accept-licence"
        )
    part = _part_of(target)
    with _hub_errors(repo, part):
        wanted = needed_files(HfApi().list_repo_files(repo))
        if _INDEX_FILE not in wanted:
            raise InstallError(f"{repo} has no {_INDEX_FILE}; choose a model that diffusers reads")
        snapshot_download(repo, local_dir=part, allow_patterns=wanted)
    _finish(part, target)
    return target


def fetch_public_model(model: PublicModel, root: Path, *, is_accepted: bool) -> Path:
    """Download public weights into a data root; what an earlier try fetched is kept.

    Tensors are checked against what the hub says of them, then the folder is sealed with its own checksums.

    Raises:
        ConfigError: its terms were not accepted.
        InstallError: there is no such model, it asks for a login, or a file is not what it should be.
        NetworkError: the hub cannot be reached or broke off; a later call goes on.
        StorageError: the disk is full or the folder cannot be written.
        WeightsError: it holds no safetensors.
    """
    if not (model.is_free or is_accepted):
        raise ConfigError(
            f"{model.title} is under {model.licence}, which does not allow every use;"
            " read it, then download with --accept-licence"
        )
    target = model.place(root)
    part = _part_of(target)
    with _hub_errors(model.repo, part):
        info = HfApi().model_info(model.repo, files_metadata=True)
        digests = {item.rfilename: item.lfs.sha256 if item.lfs else "" for item in info.siblings or []}
        wanted = wanted_files(list(digests))
        snapshot_download(model.repo, revision=info.sha, local_dir=part, allow_patterns=wanted)
    for name in wanted:
        if digests[name] and sha256_of(part / name) != digests[name]:
            with writing_errors(part):
                (part / name).unlink()
            raise InstallError(f"The file {name} of {model.title} came damaged; run the download again")
    check_folder(part)
    _finish(part, target)
    return target


def import_public_model(model: PublicModel, root: Path, folder: Path) -> Path:
    """Take public weights over from a folder; its files are what is believed from then on.

    Raises:
        WeightsError: it holds no safetensors.
        StorageError: it cannot be copied.
    """
    check_folder(folder)
    target = model.place(root)
    part = _part_of(target)
    with writing_errors(part):
        for name in wanted_files([path.relative_to(folder).as_posix() for path in folder.rglob("*")]):
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, part / name)
    _finish(part, target)
    return target


def _part_of(target: Path) -> Path:
    """Whole or not there: the folder gets its name at the end."""
    with writing_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    return target.with_name(target.name + ".part")


def _finish(part: Path, target: Path) -> None:
    write_checksums(part)
    remove_tree(target)
    with writing_errors(target):
        put_in_place(part, target)


@contextmanager
def _hub_errors(repo: str, part: Path) -> Iterator[None]:
    try:
        yield
    except GatedRepoError as error:
        raise InstallError(
            f"{repo} asks for a login; accept its terms on its page, download it there, and name the folder"
        ) from error
    except RepositoryNotFoundError as error:
        raise InstallError(f"There is no model {repo} on the hub; look at its name again") from error
    except (HfHubHTTPError, httpx2.HTTPError) as error:
        raise NetworkError(f"The download of {repo} broke off; run it again, it goes on") from error
    except OSError:
        with writing_errors(part):
            raise


def needed_files(names: Sequence[str]) -> list[str]:
    """The files of a pipeline: small ones, and of the tensors half precision where it is there.

    Files in the first folder level below the root belong to components; tensors in the root are whole
    pipelines in one file, which is another layout.
    """
    inside = [name for name in names if len(PurePosixPath(name).parts) == 2]
    halves = {PurePosixPath(name).parent for name in inside if name.endswith(_HALF)}
    found = [_INDEX_FILE] if _INDEX_FILE in names else []
    for name in inside:
        is_half_folder = PurePosixPath(name).parent in halves
        if name.endswith(_TENSORS):
            is_wanted = name.endswith(_HALF) == is_half_folder and "onnx" not in name
        elif name.endswith((_HALF_INDEX, _WHOLE_INDEX)):
            is_wanted = name.endswith(_HALF_INDEX) == is_half_folder
        else:
            is_wanted = name.endswith(_SMALL)
        if is_wanted:
            found.append(name)
    return found
