"""Public weights that can be downloaded when asked for: what they are for, from where, on what terms.

`public_models.json` is the table, which the add-on may read as well. Sizes that were not published are zero.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from backend.errors import WeightsError
from backend.models.component_layout import INDEX_FILE, has_layout, tensor_files
from backend.protocol import Json
from backend.records import from_data

FOLDER = "models"
"""Where downloaded ones lie in the data root."""
_TABLE = Path(__file__).with_name("public_models.json")
_SMALL = (".json", ".txt", ".md")
_TENSORS = ".safetensors"
_HALF = ".fp16"


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicModel:
    """A set of public weights.

    Attributes:
        repo: Its id on the hub.
        is_free: Whether results may be sold; otherwise its terms must be accepted before the download.
        source: Who made it.
        values: How many numbers it holds, as published.
        bytes: Size of the download, about; 0 where it is not known.
    """

    name: str
    title: str
    purpose: str
    repo: str
    licence: str
    is_free: bool
    source: str
    values: int
    bytes: int = 0

    def place(self, root: Path) -> Path:
        """Where it lies in a data root, or will."""
        return root / FOLDER / self.name

    def is_present(self, root: Path) -> bool:
        """Whether it was downloaded; a download that broke off has another name."""
        return self.place(root).is_dir()


PUBLIC_MODELS: tuple[PublicModel, ...] = tuple(
    from_data(PublicModel, {"name": name} | entry)
    for name, entry in json.loads(_TABLE.read_text("utf-8")).items()
)


def public_model(name: str) -> PublicModel | None:
    """The public weights of that name, or None."""
    return next((model for model in PUBLIC_MODELS if model.name == name), None)


def wanted_files(names: list[str]) -> list[str]:
    """What is needed of a published folder: small files and safetensors, each tensor once, no pickles."""
    small = [name for name in names if name.endswith(_SMALL)]
    return small + [name for name in names if name.endswith(_TENSORS) and _HALF not in Path(name).name]


def check_folder(folder: Path) -> None:
    """Find out whether a folder holds weights at all, before it is taken over.

    Raises:
        WeightsError: when it holds none, or only pickles.
    """
    if not has_layout(folder):
        tensor_files(folder)
        return
    index: dict[str, Json] = json.loads((folder / INDEX_FILE).read_text("utf-8"))
    networks = [name for name in index if (folder / name / "config.json").is_file()]
    if not networks:
        raise WeightsError(f"The folder {folder} has no components beside its {INDEX_FILE}; choose another")
    for name in networks:
        tensor_files(folder / name)
