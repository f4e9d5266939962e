"""Which packages of an environment are damaged, by the checksums that each brings of its own files."""

import base64
import csv
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

from backend.storage import long_path

log = logging.getLogger(__name__)


def damaged_in_environment(environment: Path, on_package: Callable[[int, int], None]) -> list[str]:
    """`damaged_packages` of an environment, wherever its system keeps them."""
    places = [*environment.glob("lib/python*/site-packages"), *environment.glob("Lib/site-packages")]
    return [name for place in places for name in damaged_packages(place, on_package)]


def damaged_packages(site_packages: Path, on_package: Callable[[int, int], None]) -> list[str]:
    """Names of packages with a file that is missing or changed.

    Args:
        site_packages: the folder of installed packages.
        on_package: called with packages done and in all; may raise.
    """
    records = sorted(site_packages.glob("*.dist-info/RECORD"))
    damaged = []
    for number, record in enumerate(records, start=1):
        wrong = _wrong_files(record, site_packages)
        if wrong:
            log.warning(
                "%s: %d files are not as they should be, such as %s", record.parent.name, len(wrong), wrong[0]
            )
            damaged.append(record.parent.name.partition("-")[0].replace("_", "-").lower())
        on_package(number, len(records))
    return damaged


def _wrong_files(record: Path, site_packages: Path) -> list[str]:
    try:
        rows = list(csv.reader(record.read_text("utf-8").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error):
        return [record.name]
    return [
        row[0] for row in rows if len(row) == 3 and row[1] and not _is_right(site_packages / row[0], row[1])
    ]


def _is_right(path: Path, wanted: str) -> bool:
    """Compare with a checksum such as `sha256=BASE64`; scripts outside the folder are rewritten by uv."""
    algorithm, _, text = wanted.partition("=")
    if algorithm != "sha256" or ".." in path.parts:
        return True
    try:
        with long_path(path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return False
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == text.rstrip("=")
