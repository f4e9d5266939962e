"""What kind of machine this is, and which build of torch it takes."""

import logging
import math
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.errors import InstallError

log = logging.getLogger(__name__)

_FORMAT = "--format=csv,noheader,nounits"
_QUERY = "--query-gpu=name,compute_cap,driver_version,memory.total"
_OLD_QUERY = "--query-gpu=name,driver_version,memory.total"
"""What drivers before 510 understand, which know no compute capability."""
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
    """A build of torch: the lock it is in, and the cards and drivers that it runs on.

    The numbers are those of CUDA's release notes and of torch's table of builds: CUDA 13 dropped cards before
    Turing (7.5) and wants driver 580; CUDA 12 runs from Maxwell (5.0) on with any driver from 525 on, but its
    build has nothing for Hopper (9.0) and Blackwell (10.0, 12.0), where it ends in "no kernel image".

    Attributes:
        capability: The oldest compute capability that it has kernels for.
        below: The first one that it has none for any more.
        driver: The oldest driver's main number.
    """

    lock: str
    capability: float
    driver: int
    below: float = math.inf

    def runs_on(self, card: Card) -> bool:
        """It has kernels for that card."""
        return self.capability <= card.capability < self.below


CUDA_BUILDS = {
    "linux-x64": (
        Build(lock="torch", capability=7.5, driver=580),
        Build(lock="torch-cuda12", capability=5.0, below=9.0, driver=525),
    ),
    "windows-x64": (
        Build(lock="torch-cuda13", capability=7.5, driver=580),
        Build(lock="torch-cuda12", capability=5.0, below=9.0, driver=528),
    ),
    "macos-arm64": (),
}
"""Builds for NVIDIA's cards, the newest first."""

PLAIN_BUILDS = {"linux-x64": "torch-cpu", "windows-x64": "torch", "macos-arm64": "torch"}
"""The build without CUDA; on Macs it knows the graphics part of their chips."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The build to install, a sentence about it, and whether it is one for a graphics card."""

    lock: str
    text: str
    is_for_card: bool = False


LEAST_MACOS = 14
"""The oldest that every locked package has a wheel for."""


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
        version = platform.mac_ver()[0]
        if int(version.split(".")[0] or LEAST_MACOS) < LEAST_MACOS:
            raise InstallError(f"One2345 needs macOS {LEAST_MACOS} or newer, and this Mac has {version}")
        return "macos-arm64"
    raise InstallError(f"One2345 runs on Linux and Windows (x64) and on Apple chips, not on {machine}")


def cards() -> list[Card]:
    """NVIDIA's cards in this machine, as its driver's own program tells; none without a driver."""
    program = find_nvidia_smi(os.environ)
    if program is None:
        return []
    if found := parse_cards(_ask(program, _QUERY)):
        return found
    # The card counts as one that there are packages for: what must be said is that its driver is too old.
    return parse_cards(_ask(program, _OLD_QUERY), capability=7.5)


def find_nvidia_smi(environment: Mapping[str, str]) -> str | None:
    """The program; drivers of old put it beside the path on Windows."""
    beside = Path(environment.get("PROGRAMFILES", ""), "NVIDIA Corporation", "NVSMI", "nvidia-smi.exe")
    return shutil.which("nvidia-smi") or (str(beside) if beside.is_file() else None)


def _ask(program: str, query: str) -> str:
    try:
        done = subprocess.run(
            [program, query, _FORMAT],
            # Not ours: while a thread reads that pipe, Windows lets no child look at it, which then hangs.
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ASK_S,
            check=False,
            creationflags=_NO_WINDOW if sys.platform == "win32" else 0,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("nvidia-smi does not answer: %s", error)
        return ""
    log.info("nvidia-smi: %s", done.stdout.strip() or done.stderr.strip())
    return done.stdout


def parse_cards(text: str, *, capability: float | None = None) -> list[Card]:
    """Read what nvidia-smi prints; lines that tell of no usable card are left out.

    Args:
        text: its output: name, compute capability, driver and memory of a card on each line.
        capability: that of all cards, where the lines do not tell it.
    """
    found = []
    for line in text.splitlines():
        parts = [part.strip() for part in line.rsplit(",", 3 if capability is None else 2)]
        if capability is not None:
            parts.insert(1, str(capability))
        try:
            name, told, driver, memory = parts
            found.append(
                Card(
                    name=name,
                    capability=float(told),
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
        is_apple = key == "macos-arm64"
        where = (
            "Computing on the Apple chip"
            if is_apple
            else "Computing on the processor: no NVIDIA card is here"
        )
        return Choice(lock=plain, text=where)
    card = max(found, key=lambda item: (item.capability, item.memory_mib))
    fitting = [build for build in CUDA_BUILDS[key] if build.runs_on(card)]
    for build in fitting:
        if card.driver >= build.driver and build.lock in locks:
            return Choice(lock=build.lock, text=f"Computing on {card.name}", is_for_card=True)
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
