"""The models that draw pictures from words, as the artist chooses among them: size, licence, presence."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..backend.protocol import ProtocolError, parse_json
from .errors import SetupError
from .launch import EXTENSION_ROOT

TABLE = EXTENSION_ROOT / "backend" / "models" / "text_models.json"
FOLDER = "FOLDER"
"""The choice of a folder in place of a named model."""
_PLACE = Path("models") / "text"
_INDEX_FILE = "model_index.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class TextModelEntry:
    """A named model."""

    name: str
    title: str
    licence: str
    is_free: bool
    """Results may be sold; otherwise its terms must be accepted first."""
    bytes: int

    def place(self, root: Path) -> Path:
        """Where it lies in a data root, or will."""
        return root / _PLACE / self.name

    def is_present(self, root: Path) -> bool:
        """It was downloaded."""
        return (self.place(root) / _INDEX_FILE).is_file()


@lru_cache(maxsize=1)
def text_models() -> tuple[TextModelEntry, ...]:
    """All named models.

    Raises:
        SetupError: the extension's table is damaged.
    """
    try:
        return _entries(parse_json(TABLE.read_bytes()))
    except (OSError, ProtocolError, KeyError, TypeError, ValueError) as error:
        raise SetupError(
            "The extension's table of models is damaged. Install the extension again."
        ) from error


def entry_of(name: str) -> TextModelEntry | None:
    """The named model of that name."""
    return next((entry for entry in text_models() if entry.name == name), None)


def _entries(data: object) -> tuple[TextModelEntry, ...]:
    if not isinstance(data, dict):
        raise TypeError("a table of models must be an object")
    return tuple(
        TextModelEntry(
            name=name,
            title=str(item["title"]),
            licence=str(item["licence"]),
            is_free=item["is_free"] is True,
            bytes=int(item["bytes"]),
        )
        for name, item in data.items()
    )
