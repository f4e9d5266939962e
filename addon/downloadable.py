"""Networks that are downloaded when asked for, as the artist chooses among them: size, licence, presence."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..backend.protocol import Engine, ProtocolError
from ..backend.records import parse_json
from .errors import SetupError
from .launch import EXTENSION_ROOT

TABLES = EXTENSION_ROOT / "backend" / "models"
FOLDER = "FOLDER"
"""The choice of a folder in place of a name."""
STARTER = "starter"
"""The weights that are bundled."""
_ENGINES = {"zero123plus": Engine.ONE2345_PLUS, "zero123": Engine.ONE2345}
"""The engine that a published layout is for."""
_MODELS = Path("models")
_BYTES_A_NUMBER = 3
"""Of weights whose size was not published: some of their numbers take two bytes, some four."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Downloadable:
    """A network or set of networks that has a name."""

    name: str
    title: str
    licence: str
    is_free: bool
    """Results may be sold; otherwise its terms must be accepted first."""
    bytes: int
    """Size of the download, about."""
    folder: Path
    """Where it lies in a data root."""

    def place(self, root: Path) -> Path:
        """Where it lies in a data root, or will."""
        return root / self.folder

    def is_present(self, root: Path) -> bool:
        """It was downloaded; what is under way has another name."""
        return self.place(root).is_dir()


def text_models() -> tuple[Downloadable, ...]:
    """The named models that draw pictures from words.

    Raises:
        SetupError: the extension's table is damaged.
    """
    return _read("text_models.json", _MODELS / "text", lambda name: True)


def view_weights() -> tuple[Downloadable, ...]:
    """The public weights that draw the six views.

    Raises:
        SetupError: the extension's table is damaged.
    """
    sets = _table("weight_sets.json")
    return _read("public_models.json", _MODELS, lambda name: name in sets)


def engine_of(weights: str) -> Engine | None:
    """The only engine that named weights are for; None when they, or a folder, may be for any.

    Raises:
        SetupError: the extension's table is damaged.
    """
    entry = _table("weight_sets.json").get(weights)
    layout = entry.get("layout") if isinstance(entry, dict) else None
    return _ENGINES.get(str(layout))


def memory_mib(engine: Engine, weights: str) -> dict[str, float]:
    """Memory that a job takes at most, by kind of device, as far as it was measured.

    Raises:
        SetupError: the extension's table is damaged.
    """
    entry = _table("measured.json").get(f"{engine} {weights}")
    found = entry.get("memory_mib") if isinstance(entry, dict) else None
    values = found if isinstance(found, dict) else {}
    return {str(kind): float(mib) for kind, mib in values.items() if isinstance(mib, int | float)}


def entry_of(name: str) -> Downloadable | None:
    """The network of that name."""
    return next((entry for entry in (*text_models(), *view_weights()) if entry.name == name), None)


def _read(file: str, folder: Path, is_wanted: Callable[[str], bool]) -> tuple[Downloadable, ...]:
    try:
        return tuple(_entry(name, item, folder) for name, item in _table(file).items() if is_wanted(name))
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged() from error


@lru_cache(maxsize=4)
def _table(file: str) -> dict[str, object]:
    try:
        data = parse_json((TABLES / file).read_bytes())
    except (OSError, ProtocolError) as error:
        raise _damaged() from error
    if not isinstance(data, dict):
        raise _damaged()
    return dict(data)


def _damaged() -> SetupError:
    return SetupError("The extension's table of models is damaged. Install the extension again.")


def _entry(name: str, item: object, folder: Path) -> Downloadable:
    if not isinstance(item, dict):
        raise TypeError(name)
    return Downloadable(
        name=name,
        title=str(item["title"]),
        licence=str(item["licence"]),
        is_free=item["is_free"] is True,
        bytes=int(item.get("bytes", 0)) or _BYTES_A_NUMBER * int(item.get("values", 0)),
        folder=folder / name,
    )
