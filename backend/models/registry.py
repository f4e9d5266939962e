"""The sets of weights that come with the program, the user's own folders, and the matting network.

A set is a folder with the five networks of `NETWORKS`. Its `SHA256SUMS` lists their files in the form of the
`sha256sum` command, so that a damaged download or a half-copied folder is found.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from backend.errors import ConfigError, WeightsError
from backend.geometry.cameras import RIGS, STARTER_RIG, ViewRig
from backend.models.weights import checksum, config_from_dict, weight_files
from backend.storage import sha256_of, write_whole

NETWORKS = ("vae", "image_encoder", "views", "occupancy", "shape")
SUMS_FILE = "SHA256SUMS"
MATTING_FILE = "u2net.onnx"

_PACKAGE = Path(__file__).resolve().parent.parent
_SETS_FILE = Path(__file__).resolve().parent / "weight_sets.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightSet:
    """A folder of weights and what is known of it."""

    name: str
    folder: Path
    licence: str
    source: str

    def checksums(self, networks: tuple[str, ...]) -> dict[str, str]:
        """SHA-256 over each network's files.

        Raises:
            WeightsError: when a network is missing.
        """
        return {name: checksum(weight_files(self.folder, name)) for name in networks}


def weight_sets() -> list[WeightSet]:
    """The sets that the program knows by name, present or not."""
    entries = json.loads(_SETS_FILE.read_text("utf-8"))
    return [
        WeightSet(
            name=name,
            folder=_PACKAGE / "weights" / entry["folder"],
            licence=entry["licence"],
            source=entry["source"],
        )
        for name, entry in entries.items()
    ]


def find_weights(name: str) -> WeightSet:
    """The set of that name, or the user's folder of that path.

    Raises:
        WeightsError: when there is neither.
    """
    known = {item.name: item for item in weight_sets()}
    if name in known:
        return known[name]
    folder = Path(name)
    if folder.is_dir():
        return WeightSet(name=folder.name, folder=folder.resolve(), licence="not stated", source="user")
    choices = ", ".join(known)
    raise WeightsError(f"There is no set or folder of weights {name}; choose {choices} or a folder")


def rig_of(weights: WeightSet) -> ViewRig:
    """The cameras that a set's view network draws, from its configuration; the starter rig without one.

    Raises:
        WeightsError: when the configuration cannot be read.
    """
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
        lines = (folder / SUMS_FILE).read_text("utf-8").splitlines()
    except OSError:
        return [f"{folder} has no {SUMS_FILE}; its files cannot be checked"]
    wanted = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    problems = [f"{name} is missing" for name in wanted if not (folder / name).is_file()]
    for name in _file_names(folder):
        if name not in wanted:
            problems.append(f"{name} is not listed in {SUMS_FILE}")
        elif sha256_of(folder / name) != wanted[name]:
            problems.append(f"{name} is not the file it should be; restore it")
    return problems


def _file_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix == ".safetensors")


def matting_model_path(data_root: Path) -> Path | None:
    """The file of the network that removes backgrounds, or None where it is not installed."""
    places = (data_root / "models" / MATTING_FILE, _PACKAGE.parent / "models" / MATTING_FILE)
    return next((path for path in places if path.is_file()), None)
