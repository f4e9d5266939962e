"""Taking away and moving what was installed."""

import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from backend.errors import ConfigError, StorageError
from backend.install.machine import free_bytes
from backend.install.reporter import Reporter
from backend.installation import ENVIRONMENTS, STATE_FILE, Installed
from backend.storage import PART_PREFIX, long_path, remove_tree, writing_errors

log = logging.getLogger(__name__)

REMOVING, MOVING = "Removing", "Moving"

PARTS = {
    "environment": (STATE_FILE, ENVIRONMENTS, "python", "bin"),
    "cache": ("cache",),
    "models": ("models",),
}
"""What can be uninstalled, each by itself. Jobs are the artist's own and stay."""

_MOVED = ("models", "jobs", "cache", "previews")
"""What goes along to another data root; environments know their own place and are made anew."""


def uninstall(root: Path, parts: Sequence[str], reporter: Reporter) -> Installed:
    """Remove parts of an installation.

    Raises:
        StorageError: a file is held by another program.
        ConfigError: there is no such part.
    """
    start = time.monotonic()
    if unknown := set(parts) - set(PARTS):
        raise ConfigError(f"There is no part {min(unknown)}; choose from {', '.join(PARTS)}")
    names = [name for part in PARTS if part in parts for name in PARTS[part]]
    reporter.begin(REMOVING, total=len(names))
    for number, name in enumerate(names, start=1):
        _remove(root / name)
        reporter.advance(number, text=name)
    for left in root.glob(f"{PART_PREFIX}*"):
        _remove(left)
    return Installed(text=f"Removed: {', '.join(parts)}", seconds=round(time.monotonic() - start, 1))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        with writing_errors(path):
            path.unlink(missing_ok=True)


def move(root: Path, target: Path, reporter: Reporter) -> Installed:
    """Move a data root to a folder that is empty or not there; installing there afterwards needs no download.

    Raises:
        ConfigError: one folder lies in the other, or the target holds something.
        StorageError: no room, or a folder that cannot be written; then everything is still where it was.
    """
    start = time.monotonic()
    root, target = root.resolve(), target.resolve()
    if target == root or root in target.parents or target in root.parents:
        raise ConfigError(f"{target} and {root} must not lie in each other; choose another folder")
    if target.exists() and any(target.iterdir()):
        raise ConfigError(f"{target} is not empty; choose an empty folder")
    names = [name for name in _MOVED if (root / name).exists()]
    reporter.begin(MOVING, total=len(names))
    _check_room(root, target, names)
    for number, name in enumerate(names, start=1):
        reporter.advance(number - 1, text=name)
        with writing_errors(target / name):
            shutil.move(long_path(root / name), long_path(target / name))
    uninstall_left = [root / name for name in PARTS["environment"]]
    for path in uninstall_left:
        _remove(path)
    return Installed(text=f"Moved to {target}", seconds=round(time.monotonic() - start, 1))


def _check_room(root: Path, target: Path, names: Sequence[str]) -> None:
    with writing_errors(target):
        target.mkdir(parents=True, exist_ok=True)
    if root.stat().st_dev == target.stat().st_dev:
        return
    needed = sum(
        path.lstat().st_size for name in names for path in (root / name).rglob("*") if path.is_file()
    )
    if free_bytes(target) < needed:
        raise StorageError(
            f"There are {free_bytes(target) / 1e9:.1f} GB free at {target}, "
            f"but {needed / 1e9:.1f} GB are needed; choose another folder"
        )
