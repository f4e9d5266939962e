"""What kind of machine this is, and which build of torch it takes."""

import logging
import platform
import shutil
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from backend.errors import InstallError

log = logging.getLogger(__name__)

_QUERY = ("--query-gpu=name,compute_cap,driver_version,memory.total", "--format=csv,noheader,nounits")
_ASK_S = 20
_NO_WINDOW = 0x08000000


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A graphics card by NVIDIA.

    Attributes:
        capability: Compute capability, such as 8.9.
        driver: Main number of the driver's version.
        memory_mib: Its memory.
    """

    name: str
    capability: float
    driver: int
    memory_mib: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Build:
    """A build of torch: the lock it is in and the oldest cards and drivers that it runs on.

    The numbers are those of CUDA's release notes: CUDA 13 dropped cards before Turing (7.5) and wants
    driver 580; CUDA 12 runs from Maxwell (5.0) on with any driver from 525 on.
    """

    lock: str
    capability: float
    driver: int


CUDA_BUILDS = {
    "linux-x64": (
        Build(lock="torch", capability=7.5, driver=580),
        Build(lock="torch-cuda12", capability=5.0, driver=525),
    ),
    "windows-x64": (
        Build(lock="torch-cuda13", capability=7.5, driver=580),
        Build(lock="torch-cuda12", capability=5.0, driver=528),
    ),
    "macos-arm64": (),
}
"""Builds for NVIDIA's cards, the newest first."""

PLAIN_BUILDS = {"linux-x64": "torch-cpu", "windows-x64": "torch", "macos-arm64": "torch"}
"""The build without CUDA; on Macs it knows the graphics part of their chips."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The build to install, and a sentence about it."""

    lock: str
    text: str


def platform_key() -> str:
    """This machine in Blender's words.

    Raises:
        InstallError: the packages exist for no such machine.
    """
    machine = platform.machine().lower()
    is_x64 = machine in ("x86_64", "amd64")
    if sys.platform == "linux" and is_x64:
        return "linux-x64"
    if sys.platform == "win32" and is_x64:
        return "windows-x64"
    if sys.platform == "darwin" and machine == "arm64":
        return "macos-arm64"
    raise InstallError(f"One2345 runs on Linux and Windows (x64) and on Apple chips, not on {machine}")


def cards() -> list[Card]:
    """NVIDIA's cards in this machine, as its driver's own program tells; none without a driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run(
            [program, *_QUERY],
            capture_output=True,
            text=True,
            timeout=_ASK_S,
            check=False,
            creationflags=_NO_WINDOW if sys.platform == "win32" else 0,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("nvidia-smi does not answer: %s", error)
        return []
    log.info("nvidia-smi: %s", done.stdout.strip() or done.stderr.strip())
    return parse_cards(done.stdout)


def parse_cards(text: str) -> list[Card]:
    """Read what nvidia-smi prints; lines that tell of no usable card are left out."""
    found = []
    for line in text.splitlines():
        parts = [part.strip() for part in line.rsplit(",", 3)]
        try:
            name, capability, driver, memory = parts
            found.append(
                Card(
                    name=name,
                    capability=float(capability),
                    driver=int(driver.split(".")[0]),
                    memory_mib=int(memory),
                )
            )
        except ValueError:
            log.warning("nvidia-smi said %r", line)
    return found


def choose_build(key: str, found: Collection[Card], locks: Collection[str]) -> Choice:
    """The newest build of torch that the best card runs; the plain one where none does.

    Args:
        key: the machine, as `platform_key` names it.
        found: its cards.
        locks: the builds that this version of the extension has locks for.
    """
    plain = PLAIN_BUILDS[key]
    if not found:
        where = "the Apple chip" if key == "macos-arm64" else "the processor: there is no NVIDIA card"
        return Choice(lock=plain, text=f"Computing on {where}")
    card = max(found, key=lambda item: (item.capability, item.memory_mib))
    fitting = [build for build in CUDA_BUILDS[key] if card.capability >= build.capability]
    for build in fitting:
        if card.driver >= build.driver and build.lock in locks:
            return Choice(lock=build.lock, text=f"Computing on {card.name}")
    return Choice(lock=plain, text=_why_plain(card, fitting, locks))


def _why_plain(card: Card, fitting: Collection[Build], locks: Collection[str]) -> str:
    if not fitting:
        return f"{card.name} is too old for today's packages: computing on the processor"
    wanted = [build.driver for build in fitting if build.lock in locks]
    if wanted:
        return (
            f"The driver of {card.name} is version {card.driver}: computing on the processor. "
            f"Install driver {min(wanted)} or newer, then click Repair"
        )
    return f"This version has no packages for {card.name} on this system: computing on the processor"


def free_bytes(folder: Path) -> int:
    """Free space where a folder is or will be."""
    place = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(place).free
