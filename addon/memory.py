"""Whether the graphics card has room for a job, as far as that is known."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import bpy

from ..backend.protocol import Device, Engine, Preset, Ready
from . import jobs, timings
from .downloadable import memory_mib
from .errors import AddonError
from .preferences import data_root, preferences

WANTED_S = 30.0
"""How long after it was looked at free memory is kept fresh."""
_MIB = 1 << 20

_looked_at = float("-inf")


@dataclass(frozen=True, kw_only=True, slots=True)
class Shortage:
    """A job takes more memory than there is.

    Attributes:
        needed_mib: What jobs of this quality take.
        free_mib: What they can have.
        fitting: The best lower quality that fits, or None.
    """

    needed_mib: float
    free_mib: float
    fitting: Preset | None


def known() -> Ready | None:
    """What the backend that runs has told of its device and memory last; asks for it to be kept fresh."""
    global _looked_at
    _looked_at = time.monotonic()
    client = jobs.SESSION.client
    return client.ready if client.is_alive else None


def keep_fresh() -> None:
    """Ask the backend again while somebody looks; returns at once."""
    if time.monotonic() - _looked_at < WANTED_S:
        jobs.SESSION.client.ask_memory()


def shortage(context: bpy.types.Context, *, engine: Engine, weights: str, preset: Preset) -> Shortage | None:
    """Why a job does not fit the graphics card; None when it does, on a processor, and when nobody knows."""
    ready = known()
    chosen = Device[preferences(context).device]
    if ready is None or Device.CPU in (ready.device, chosen) or not ready.total_bytes:
        return None
    # The networks that the backend holds are used again, or make room.
    free = (ready.free_bytes + ready.held_bytes) / _MIB
    needed = _needed_mib(context, ready, engine=engine, weights=weights)
    if needed.get(preset, 0.0) <= free:
        return None
    lower = list(Preset)[: list(Preset).index(preset)]
    fitting = [other for other in lower if needed.get(other, free) <= free]
    return Shortage(needed_mib=needed[preset], free_mib=free, fitting=fitting[-1] if fitting else None)


def _needed_mib(
    context: bpy.types.Context, ready: Ready, *, engine: Engine, weights: str
) -> Mapping[Preset, float]:
    """What jobs took on this card, else what the authors measured on another."""
    try:
        root = data_root(preferences(context))
        measured = memory_mib(engine, weights).get("gpu")
    except AddonError:
        return {}
    learned = timings.usual_memory_mib(root, device=ready.device_name, engine=engine, weights=weights)
    return ({} if measured is None else dict.fromkeys(Preset, measured)) | learned
