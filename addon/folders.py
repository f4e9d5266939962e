"""The folders of jobs in the data folder, and what is asked of the backend in them."""

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
    first = data_root / (kind or JOBS) / f"{time.strftime(_STAMP)}-{plain}"
    folder, number = first, 1
    while True:
        try:
            folder.mkdir(parents=True)
        except FileExistsError:  # another job of this second, perhaps another Blender's
            number += 1
            folder = first.with_name(f"{first.name}-{number}")
        except OSError as error:
            raise SetupError(
                tr(
                    "Cannot write to the data folder {folder}: {reason}. "
                    "Choose another in the add-on preferences.",
                    folder=data_root,
                    reason=error.strerror,
                )
            ) from error
        else:
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
