"""Which text-to-image models there are: named ones with licence and size, any id of the hub, any folder."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from backend.errors import WeightsError
from backend.records import from_data

FOLDER = Path("models") / "text"
"""Where downloaded ones lie in the data root."""
_TABLE = Path(__file__).with_name("text_models.json")
_INDEX_FILE = "model_index.json"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_LISTED_STEPS, _LISTED_GUIDANCE = 30, 7.0


@dataclass(frozen=True, kw_only=True, slots=True)
class TextModel:
    """A model that is known by name.

    Attributes:
        repo: Its id on the hub.
        bytes: Size of its half-precision files, about.
        is_free: Whether results may be sold; otherwise its terms must be accepted before the download.
        picture_px: The side that it was trained for.
    """

    name: str
    title: str
    repo: str
    licence: str
    is_free: bool
    bytes: int
    steps: int
    guidance: float
    picture_px: int


TEXT_MODELS: tuple[TextModel, ...] = tuple(
    from_data(TextModel, {"name": name} | entry)
    for name, entry in json.loads(_TABLE.read_text("utf-8")).items()
)
"""`text_models.json`, which the add-on reads as well."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundTextModel:
    """A model on this disk, and how it wants to be used."""

    title: str
    folder: Path
    licence: str
    steps: int = _LISTED_STEPS
    guidance: float = _LISTED_GUIDANCE
    picture_px: int | None = None


def known_text_model(name: str) -> TextModel | None:
    """The named model of that name or hub id."""
    return next((model for model in TEXT_MODELS if name in (model.name, model.repo)), None)


def repo_of(name: str) -> str:
    """The hub id that a name stands for; empty for anything that is neither a name nor an id."""
    known = known_text_model(name)
    return known.repo if known else name if _HUB_ID.fullmatch(name) else ""


def place_of(name: str, root: Path) -> Path:
    """Where a model lies in a data root, or will."""
    known = known_text_model(name)
    return root / FOLDER / (known.name if known else name.replace("/", "--"))


def is_present(name: str, root: Path) -> bool:
    """Whether a model was downloaded."""
    return (place_of(name, root) / _INDEX_FILE).is_file()


def find_text_model(name: str, root: Path) -> FoundTextModel:
    """A model on this disk.

    Args:
        name: A name, a hub id, or a folder.
        root: The data root, where downloaded models lie.

    Raises:
        WeightsError: it is not there; the message says how to get it, how large it is, and on what terms.
    """
    known = known_text_model(name)
    if repo_of(name) and is_present(name, root):
        return _found(known, name, place_of(name, root))
    if Path(name).is_dir():
        folder = Path(name).resolve()
        if not (folder / _INDEX_FILE).is_file():
            raise WeightsError(f"{folder} has no {_INDEX_FILE}; choose the folder of a diffusers pipeline")
        return _found(None, folder.name, folder)
    if known is not None:
        terms = "" if known.is_free else " --accept-licence"
        raise WeightsError(
            f"{known.title} is not on this disk; `models download {known.name}{terms}` fetches"
            f" {known.bytes / 1e9:.1f} GB under {known.licence}, or choose a folder"
        )
    if repo_of(name):
        raise WeightsError(
            f"{name} is not on this disk; read its licence, then fetch it with"
            f" `models download {name} --accept-licence`, or choose a folder"
        )
    names = ", ".join(model.name for model in TEXT_MODELS)
    raise WeightsError(
        f"There is no text-to-image model {name}; choose {names}, an id OWNER/NAME or a folder"
    )


def _found(known: TextModel | None, title: str, folder: Path) -> FoundTextModel:
    if known is None:
        return FoundTextModel(title=title, folder=folder, licence="not stated")
    return FoundTextModel(
        title=known.title,
        folder=folder,
        licence=known.licence,
        steps=known.steps,
        guidance=known.guidance,
        picture_px=known.picture_px,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class TextSampling:
    """How a picture is drawn.

    Attributes:
        steps: Denoising steps.
        guidance: Weight of the words; at 1 and below what is unwanted plays no part.
        picture_px: Side of the picture; None leaves it to the model.
    """

    steps: int = 30
    guidance: float = 7.0
    picture_px: int | None = None
