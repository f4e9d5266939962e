"""Wheels of torch that lie in indexes of its makers' own, as requirements/pytorch-wheels.txt lists them.

Those indexes tell no checksum for many of their files, so no tool can lock them; see requirements/README.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from builder.shell import BuildError

PLATFORM_TAGS = {"linux-x64": "manylinux_2_28_x86_64", "windows-x64": "win_amd64"}


class TorchWheel(NamedTuple):
    """One line: a file's checksum, its size in bytes (0 where that is not known) and its name."""

    sha256: str
    num_bytes: int
    name: str

    @property
    def version(self) -> str:
        """Such as `2.13.0+cu126`."""
        return self.name.split("-")[1]

    @property
    def backend(self) -> str:
        """uv's word for the index that holds it, such as `cu126`."""
        return self.version.partition("+")[2]

    def fits(self, platform: str, python: str = "") -> bool:
        """It is for that platform, in Blender's words, and for that Python, such as 3.11, if one is named."""
        tag = f"cp{python.replace('.', '')}"
        return self.name.endswith(f"-{PLATFORM_TAGS.get(platform)}.whl") and f"-{tag}" in self.name


def read_wheels(table: Path) -> list[TorchWheel]:
    """All lines of the table."""
    rows = (line.split() for line in table.read_text("utf-8").splitlines())
    return [TorchWheel(sha, int(size.replace("-", "0")), name) for sha, size, name in rows]


def wheels_of(requirement: str, wheels: Iterable[TorchWheel]) -> list[TorchWheel]:
    """The wheels that `torch==VERSION` means.

    Raises:
        BuildError: the table names none.
    """
    version = requirement.partition("==")[2].strip()
    found = [wheel for wheel in wheels if wheel.version == version]
    if not found:
        raise BuildError(f"requirements/pytorch-wheels.txt names no wheel for {requirement}; add them there.")
    return found


def download_bytes(wheels: Iterable[TorchWheel], platform: str) -> int:
    """What one of them takes to download on a platform; 0 where none is for it."""
    return max((wheel.num_bytes for wheel in wheels if wheel.fits(platform)), default=0)
