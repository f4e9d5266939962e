"""The folders of jobs in the data folder, and what is asked of the backend in them."""

import itertools
import re
import time
from collections.abc import Callable
from pathlib import Path

from ..backend import protocol
from .errors import JobError, SetupError
from .job import Settings
from .texts import tr

JOBS = "jobs"
PREVIEWS = "previews"
"""Cut-outs and drawn pictures shown before a job; not part of the history."""

_STAMP = "%Y%m%d-%H%M%S"
_TITLE_LETTERS = 24

Write = Callable[[Path], Path]
"""Gets a job's folder and returns the path of a picture, written there or lying elsewhere."""


def make_folder(data_root: Path, title: str, *, kind: str = "") -> Path:
    """Make a job's folder: ordered by time, plain ASCII, short, and no one else's.

    Raises:
        SetupError: the data folder cannot be written.
    """
    plain = re.sub(r"[^A-Za-z0-9]+", "-", title).strip("-")[:_TITLE_LETTERS] or "image"
    stem = f"{time.strftime(_STAMP)}-{plain}"
    names = (stem if number == 1 else f"{stem}-{number}" for number in itertools.count(1))
    return next(folder for name in names if (folder := _new_folder(data_root, kind or JOBS, name)))


def _new_folder(data_root: Path, kind: str, name: str) -> Path | None:
    """Make a folder of a name that no job of any kind has, since it is the job's id as well; None if one has.

    Raises:
        SetupError: the data folder cannot be written.
    """
    if any((data_root / other / name).exists() for other in (JOBS, PREVIEWS)):
        return None
    folder = data_root / kind / name
    try:
        folder.mkdir(parents=True)
    except FileExistsError:  # another Blender was quicker
        return None
    except OSError as error:
        raise SetupError(
            tr(
                "Cannot write to the data folder {folder}: {reason}. "
                "Choose another in the add-on preferences.",
                folder=data_root,
                reason=error.strerror,
            )
        ) from error
    return folder


def is_ours(folder: Path) -> bool:
    """Whether a folder is one that `make_folder` made, and may be deleted with its job."""
    return folder.parent.name in (JOBS, PREVIEWS)


def title_of(folder: Path) -> str:
    """What a folder's name tells of the job's title."""
    return folder.name[len(time.strftime(_STAMP)) + 1 :]


def request_for(
    picture: Path, mask: Path | None, settings: Settings, *, stop_after: protocol.Stage
) -> protocol.Request:
    """What the backend is asked for.

    Raises:
        JobError: a number is out of range.
    """
    try:
        return protocol.Request(
            image=str(picture),
            mask=str(mask) if mask else None,
            seed=settings.seed,
            preset=settings.preset,
            faces=settings.faces,
            texture_px=settings.texture_px,
            use_photo=settings.use_photo,
            flat_base=settings.flat_base,
            device=settings.device,
            stop_after=stop_after,
            text=settings.text,
            engine=settings.engine,
            weights=settings.weights,
        )
    except protocol.ProtocolError as error:
        raise JobError(tr("These settings cannot be used: {reason}.", reason=error)) from error
