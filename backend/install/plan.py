"""What will be installed: which locks, how many bytes, and where."""

import hashlib
import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

from backend.errors import InstallError, StorageError
from backend.install.machine import cards, choose_build, free_bytes, platform_key
from backend.install.options import SUPPORTED_PYTHONS, WANTED_PYTHON, Options
from backend.installation import ENVIRONMENTS, lock_digests
from backend.models.catalogue import Model, find_model, read_catalogue
from backend.models.store import missing_files
from backend.packages import KIT_FILE
from backend.protocol import Json, ProtocolError
from backend.records import parse_json
from backend.storage import check_writable

log = logging.getLogger(__name__)

RUNTIME = "runtime.txt"
_UNPACKED = 2.5
"""Bytes on the disk for each byte of packages: 1.6 GB from 0.49 GB without CUDA, less with it."""
_SPARE_BYTES = 800 << 20
_UNKNOWN_BYTES = 3 << 30
MAX_WINDOWS_ROOT = 100
"""Below it come `env/NAME/Lib/site-packages` (36 characters) and modules (112, in diffusers)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What will be installed.

    Attributes:
        locks: Requirement files.
        digests: Their checksums by name.
        download_bytes: What the packages take to download, 0 if that is not known.
        disk_bytes: Free space needed.
        models: Models that are to be there.
        text: What will compute, in a sentence.
        is_for_card: The build was chosen for a graphics card.
        pythons: Versions that there are packages for, the best first.
    """

    locks: tuple[Path, ...]
    digests: dict[str, Json]
    download_bytes: int
    disk_bytes: int
    models: tuple[Model, ...]
    text: str
    is_for_card: bool
    pythons: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the environment is called: the same locks give the same name."""
        text = json.dumps([WANTED_PYTHON, self.digests], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def make_plan(options: Options) -> Plan:
    """Look at the machine and decide.

    Raises:
        InstallError: nothing here runs on this machine, or a lock is missing.
    """
    key = platform_key()
    present = {path.stem for path in options.requirements.glob("torch*.txt")}
    kit = _read_kit(options.kit, key) if options.kit else None
    if chosen := options.torch or (kit.torch if kit else ""):
        torch, text, is_for_card = chosen, f"Computing with the build {chosen}", False
    else:
        choice = choose_build(key, cards(), present)
        torch, text, is_for_card = choice.lock, choice.text, choice.is_for_card
    names = (RUNTIME, f"{torch}.txt")
    if missing := [name for name in names if not (options.requirements / name).is_file()]:
        raise InstallError(
            f"This version has no list of packages {missing[0]}; choose another build of torch"
        )
    catalogue = read_catalogue()
    models = tuple(find_model(name, catalogue) for name in options.models)
    packages = _package_bytes(options.requirements, names, key)
    wanted = sum(file.bytes for model in models for file in missing_files(model, options.root))
    return Plan(
        locks=tuple(options.requirements / name for name in names),
        digests=lock_digests(options.requirements, names),
        download_bytes=packages,
        disk_bytes=int((packages or _UNKNOWN_BYTES) * _UNPACKED) + 2 * wanted + _SPARE_BYTES,
        models=models,
        text=text,
        is_for_card=is_for_card,
        pythons=(kit.python,) if kit else SUPPORTED_PYTHONS,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kit:
    """What a kit holds: a build of torch (empty where it does not say), and packages for one Python."""

    torch: str = ""
    python: str = WANTED_PYTHON


def _read_kit(kit: Path, key: str) -> _Kit:
    """What a folder made by `build.py offline` says of itself.

    Raises:
        InstallError: it is for another system.
    """
    try:
        facts = parse_json((kit / KIT_FILE).read_bytes())
    except (OSError, ProtocolError) as error:
        log.warning("%s does not say what it holds: %s", kit, error)
        return _Kit()
    found = facts if isinstance(facts, dict) else {}
    if found.get("platform", key) != key:
        raise InstallError(
            f"This folder is for {found['platform']}, but this is {key}; choose another folder"
        )
    return _Kit(torch=str(found.get("torch", "")), python=str(found.get("python", WANTED_PYTHON)))


def check_disk(plan: Plan, root: Path) -> None:
    """Find out before the first byte whether everything has room.

    Raises:
        StorageError: it has not, or the folder cannot be written.
    """
    _check_length(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"The data folder {root} cannot be made ({error.strerror or error}); "
            "choose another in the preferences"
        ) from error
    check_writable(root / "probe")
    free, gigabyte = free_bytes(root), 1e9
    # What an interrupted installation has fetched needs no room a second time.
    needed = plan.disk_bytes - min(
        _tree_bytes(root / "cache") + _tree_bytes(root / ENVIRONMENTS), plan.disk_bytes // 2
    )
    log.info("disk: %d bytes free, %d needed", free, needed)
    if free < needed:
        raise StorageError(
            f"There are {free / gigabyte:.1f} GB free at {root}, but {needed / gigabyte:.1f} GB are needed; "
            "free some space or choose another data folder in the preferences"
        )


def _check_length(root: Path) -> None:
    """Windows loads no module whose path has more than 260 characters, unless its owner changed that."""
    if sys.platform == "win32" and len(str(root)) > MAX_WINDOWS_ROOT:
        raise StorageError(
            f"The data folder {root} has a path of {len(str(root))} characters; "
            f"choose one of at most {MAX_WINDOWS_ROOT} in the preferences"
        )


def _tree_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _package_bytes(requirements: Path, names: tuple[str, ...], key: str) -> int:
    try:
        sizes = json.loads((requirements / "sizes.json").read_text("utf-8"))
        return sum(int(sizes[name][key]) for name in names)
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("the size of the download is not known: %r", error)
        return 0
