"""The sets of weights that come with the program or can be downloaded, the user's own, and U2-Net.

A set is a folder with the five networks of `NETWORKS`, or public weights that stand in for the first three.
`SHA256SUMS` in a set of ours lists its files in the form of the `sha256sum` command, so that a half-copied
folder is found; the store checks what was downloaded.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from safetensors import SafetensorError, safe_open

from backend.errors import ConfigError, WeightsError
from backend.geometry.cameras import RIGS, STARTER_RIG, ViewRig
from backend.models.component_layout import INDEX_FILE, has_layout, read_config, tensor_files
from backend.models.store import SUMS_FILE, read_sums
from backend.models.weights import checksum, config_from_dict, weight_files
from backend.models.zero123_published import PIPELINES, PROJECTIONS
from backend.protocol import Engine
from backend.records import from_data
from backend.storage import sha256_of, write_whole

NETWORKS = ("vae", "image_encoder", "views", "occupancy", "shape")
VIEW_NETWORKS = NETWORKS[:3]
ENGINE_NETWORKS: Mapping[Engine, tuple[str, ...]] = MappingProxyType(
    {Engine.ONE2345_PLUS: NETWORKS, Engine.ONE2345: (*VIEW_NETWORKS, "zero123", "neural_sdf")}
)
"""What each engine needs; One-2-3-45 draws with the volume that the six-view network has learned."""
FREE_LICENCES = ("Apache-2.0", "MIT")
MATTING_FILE = "u2net.onnx"

_PACKAGE = Path(__file__).resolve().parent.parent
_SETS_FILE = Path(__file__).resolve().parent / "weight_sets.json"
STARTER_FOLDER = _PACKAGE / "weights" / "starter"


class Layout(StrEnum):
    """How a set's files are arranged."""

    OWN = "own"
    ZERO123PLUS = "zero123plus"
    ZERO123 = "zero123"


_ENGINE_OF = {Layout.ZERO123PLUS: Engine.ONE2345_PLUS, Layout.ZERO123: Engine.ONE2345}


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightSet:
    """A folder of weights and what is known of it.

    Attributes:
        name: What the command line calls it.
        layout: A published folder of components draws views, six at once or single ones, and takes the other
            networks from the starter set.
        rig: Name of the cameras that it draws, where its files do not tell.
        guidance: Weight of the picture that its authors recommend; None leaves it to the preset.
        min_view_steps: Fewest sampling steps of the views that its authors recommend.
        controls: Folders of its ControlNets by what they are for, present or not.
    """

    name: str
    folder: Path
    licence: str
    source: str
    layout: Layout = Layout.OWN
    rig: str = ""
    guidance: float | None = None
    min_view_steps: int = 1
    controls: tuple[tuple[str, Path], ...] = ()

    @property
    def is_present(self) -> bool:
        """Whether its networks are on this disk."""
        return all(self.files(name, missing_ok=True) for name in VIEW_NETWORKS)

    @property
    def engine(self) -> Engine | None:
        """The one engine that its views are for; None for sets of ours, which serve both."""
        return _ENGINE_OF.get(self.layout)

    def place(self, network: str) -> Path:
        """The folder that holds a network of this program."""
        is_elsewhere = self.layout is not Layout.OWN and network not in (*VIEW_NETWORKS, "zero123")
        return STARTER_FOLDER if is_elsewhere else self.folder

    def files(self, network: str, *, missing_ok: bool = False) -> list[Path]:
        """The files that a network's results depend on.

        Raises:
            WeightsError: when it is missing, unless that is fine.
        """
        place = self.place(network)
        if self.layout is Layout.OWN or place != self.folder:
            return weight_files(place, network, missing_ok=missing_ok)
        if not has_layout(self.folder):
            if missing_ok:
                return []
            raise WeightsError(f"The weights {self.name} are not on this disk; {how_to_get(self)}")
        if self.layout is Layout.ZERO123:
            return _zero123_files(self.folder, network)
        return _published_files(self.folder, network)

    def checksums(self, networks: tuple[str, ...]) -> dict[str, str]:
        """SHA-256 over each network's files, or over what their seal says of them.

        Raises:
            WeightsError: when a network is missing.
        """
        return {name: self._checksum(name) for name in networks}

    def _checksum(self, network: str) -> str:
        files = self.files(network)
        if self.layout is Layout.OWN or self.place(network) != self.folder:
            return checksum(files)
        return _sealed_checksum(self.folder, files)

    def control(self, purpose: str) -> Path:
        """The folder of the ControlNet for a purpose.

        Raises:
            ConfigError: when these weights have none.
            WeightsError: when it is not on this disk.
        """
        known = dict(self.controls)
        if purpose not in known:
            able = ", ".join(item.name for item in weight_sets() if purpose in dict(item.controls))
            raise ConfigError(f"The weights {self.name} have no network for {purpose}; use {able}")
        beside = self.folder / f"controlnet-{purpose}"
        found = next((place for place in (beside, known[purpose]) if place.is_dir()), None)
        if found is None:
            raise WeightsError(
                f"The network for {purpose} is not on this disk; run"
                f" `models download {known[purpose].name} --accept-licence`"
            )
        return found


def _sealed_checksum(folder: Path, files: list[Path]) -> str:
    """SHA-256 over files of a published folder; the seal stands for gigabytes that have not changed since."""
    seal = folder / SUMS_FILE
    if not seal.is_file():
        return checksum(files)
    known, sealed_ns = read_sums(seal), seal.stat().st_mtime_ns
    parts = []
    for file in files:
        digest = known.get(file.relative_to(folder).as_posix(), "")
        parts.append(digest if digest and file.stat().st_mtime_ns <= sealed_ns else checksum([file]))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def how_to_get(weights: WeightSet) -> str:
    """What to do about a set that is not there."""
    accept = "" if weights.licence in FREE_LICENCES else " --accept-licence"
    return f"run `models download {weights.name}{accept}` ({weights.licence})"


def _published_files(folder: Path, network: str) -> list[Path]:
    """The component of a published folder that stands for a network, with what steers it."""
    if network != "views":
        return tensor_files(folder / ("vision_encoder" if network == "image_encoder" else network))
    small = sorted([*folder.glob("*.json"), *folder.glob("*/*.json")])
    return [*small, *tensor_files(folder / "unet"), *tensor_files(folder / "text_encoder")]


def _zero123_files(folder: Path, network: str) -> list[Path]:
    """The component that stands for a network; in place of six views there is a projection of the camera."""
    if network == "zero123":
        small = [folder / INDEX_FILE, folder / "scheduler" / "scheduler_config.json"]
        return [*small, *tensor_files(folder / "unet")]
    if network == "views":
        name = next((name for name in PROJECTIONS if (folder / name).is_dir()), next(iter(PROJECTIONS)))
        return tensor_files(folder / name)
    return tensor_files(folder / network)


def weight_sets(root: Path | None = None) -> list[WeightSet]:
    """The sets that the program knows by name, present or not.

    Args:
        root: The data root, where downloaded sets lie; without it only bundled ones are found.
    """
    downloads = (_PACKAGE / "weights" if root is None else root) / "models"
    entries = json.loads(_SETS_FILE.read_text("utf-8"))
    return [_known_set(name, from_data(_Entry, entry), downloads) for name, entry in entries.items()]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    """What the table says of a set; the controls are names in the catalogue."""

    folder: str
    licence: str
    source: str
    layout: Layout = Layout.OWN
    rig: str = ""
    guidance: float | None = None
    min_view_steps: int = 1
    depth: str = ""
    normals: str = ""


def _known_set(name: str, entry: _Entry, downloads: Path) -> WeightSet:
    controls = {"depth": entry.depth, "normals": entry.normals}
    return WeightSet(
        name=name,
        folder=(STARTER_FOLDER.parent if entry.layout is Layout.OWN else downloads) / entry.folder,
        licence=entry.licence,
        source=entry.source,
        layout=entry.layout,
        rig=entry.rig,
        guidance=entry.guidance,
        min_view_steps=entry.min_view_steps,
        controls=tuple((purpose, downloads / place) for purpose, place in controls.items() if place),
    )


def find_weights(name: str, root: Path | None = None) -> WeightSet:
    """The set of that name, or the user's folder of that path.

    Raises:
        WeightsError: when there is neither.
    """
    known = {item.name: item for item in weight_sets(root)}
    if name in known:
        return known[name]
    folder = Path(name)
    if not folder.is_dir():
        choices = ", ".join(known)
        raise WeightsError(f"There is no set or folder of weights {name}; choose {choices} or a folder")
    folder = folder.resolve()
    if has_layout(folder):
        if read_config(folder, INDEX_FILE).get("_class_name") in PIPELINES:
            return replace(known["zero123-xl"], name=folder.name, folder=folder, source="user")
        # Which version it is stands nowhere in the files, and the versions differ in their cameras alone.
        version = "zero123plus-v1.1" if "v1.1" in folder.name else "zero123plus-v1.2"
        return replace(known[version], name=folder.name, folder=folder, source="user")
    return WeightSet(name=folder.name, folder=folder, licence="not stated", source="user")


def rig_of(weights: WeightSet) -> ViewRig:
    """The cameras that a set's view network draws, from its configuration; the starter rig without one.

    Raises:
        WeightsError: when the configuration cannot be read.
    """
    if weights.rig:
        return RIGS[weights.rig]
    files = weight_files(weights.folder, "views", missing_ok=True)
    if not files:
        return STARTER_RIG
    try:
        with safe_open(files[0], framework="pt") as handle:
            config = json.loads(handle.metadata()["config"])
        return config_from_dict(ViewRig, config["rig"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, ConfigError) as error:
        raise WeightsError(f"The weights file {files[0].name} is damaged; restore it ({error})") from error


def rig_by_name(name: str) -> ViewRig:
    """One of the known rigs.

    Raises:
        ConfigError: for an unknown name.
    """
    if name not in RIGS:
        raise ConfigError(f"There is no rig {name}; use one of {', '.join(RIGS)}")
    return RIGS[name]


def write_checksums(folder: Path) -> Path:
    """Write `SHA256SUMS` over the files of weights of a set; pages about it may change without it."""
    lines = [f"{sha256_of(folder / name)}  {name}\n" for name in _file_names(folder)]
    write_whole(folder / SUMS_FILE, "".join(lines).encode())
    return folder / SUMS_FILE


def verify(folder: Path) -> list[str]:
    """What is wrong with a set's files, one sentence each; empty when all is well."""
    try:
        wanted = read_sums(folder / SUMS_FILE)
    except OSError:
        return [f"{folder} has no {SUMS_FILE}; its files cannot be checked"]
    problems = [f"{name} is missing" for name in wanted if not (folder / name).is_file()]
    for name in _file_names(folder):
        if name not in wanted:
            problems.append(f"{name} is not listed in {SUMS_FILE}")
        elif sha256_of(folder / name) != wanted[name]:
            problems.append(f"{name} is not the file it should be; restore it")
    return problems


def _file_names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.safetensors"))


def matting_model_path(data_root: Path) -> Path | None:
    """The file of the network that removes backgrounds, or None where it is not installed."""
    places = (data_root / "models" / MATTING_FILE, _PACKAGE.parent / "models" / MATTING_FILE)
    return next((path for path in places if path.is_file()), None)
