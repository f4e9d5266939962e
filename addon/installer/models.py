"""The table of models as the artist sees it: sizes, licences, and what is on this disk."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ...backend.protocol import ProtocolError
from ...backend.records import parse_json
from ..errors import SetupError
from ..launch import EXTENSION_ROOT
from ..texts import tr

CATALOGUE = EXTENSION_ROOT / "backend" / "models" / "catalogue.json"
_FOLDER = "models"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelEntry:
    """A model that can be downloaded."""

    name: str
    title: str
    purpose: str
    licence: str
    is_free: bool
    """Results may be sold; otherwise its terms must be accepted first."""
    download_bytes: int
    files: tuple[tuple[str, int], ...]
    """Path below the folder of models, and bytes."""

    def is_present(self, root: Path) -> bool:
        """All its files are there, in their sizes."""
        return all(_size(root / _FOLDER / path) == size for path, size in self.files)


@lru_cache(maxsize=1)
def model_entries() -> tuple[ModelEntry, ...]:
    """All models that this version knows.

    Raises:
        SetupError: the extension's table is damaged.
    """
    try:
        return _entries(parse_json(CATALOGUE.read_bytes()))
    except (OSError, ProtocolError, KeyError, TypeError, ValueError) as error:
        raise SetupError(
            tr("The extension's table of models is damaged. Install the extension again.")
        ) from error


def _entries(data: object) -> tuple[ModelEntry, ...]:
    if not isinstance(data, dict):
        raise TypeError("a table of models must be an object")
    return tuple(_entry(name, item) for name, item in data.items())


def _entry(name: str, item: object) -> ModelEntry:
    if not isinstance(item, dict):
        raise TypeError(name)
    files = item["files"]
    return ModelEntry(
        name=name,
        title=str(item["title"]),
        purpose=str(item["purpose"]),
        licence=str(item["licence"]),
        is_free=item["is_free"] is True,
        download_bytes=sum(int(file.get("download_bytes") or file["bytes"]) for file in files),
        files=tuple((str(file["path"]), int(file["bytes"])) for file in files),
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
