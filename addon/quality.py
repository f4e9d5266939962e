"""The qualities of the panel, with what each takes on this machine: time and memory."""

import functools
from pathlib import Path

import bpy

from ..backend.protocol import Device, Engine, Preset
from . import jobs, timings
from .downloadable import memory_mib
from .errors import AddonError
from .preferences import data_root, preferences
from .texts import duration, tr

PRESETS = (
    (Preset.DRAFT.name, "Draft", "Quick look: 10 000 faces, 512 px texture"),
    (Preset.STANDARD.name, "Standard", "Balanced: 20 000 faces, 1024 px texture"),
    (Preset.HIGH.name, "High", "Slow: most steps, 50 000 faces, 2048 px texture"),
)
TITLES = {preset: title for preset, (_, title, _) in zip(Preset, PRESETS, strict=True)}
DEFAULT = list(Preset).index(Preset.STANDARD)

_MIB_PER_GIB = 1024
_KINDS = {"cpu": "processor", "gpu": "graphics card"}
"""Kinds of devices, as the table of measurements calls them and as sentences do."""

Items = list[tuple[str, str, str]]


def items(settings: bpy.types.bpy_struct, context: bpy.types.Context | None) -> Items:
    """The qualities as items of a property, whose tooltips tell what each takes here.

    Args:
        settings: What has the property, with an engine and weights beside it.
    """
    try:
        root = data_root(preferences(context or bpy.context))
        engine, weights = Engine[settings.engine], settings.chosen_weights()
        device = jobs.device_name() or timings.last_device(root)
        locale = bpy.app.translations.locale
        return _items(root, timings.changed(root), device, _likely_kinds(), engine, weights, locale)
    except AddonError:
        return list(PRESETS)


def usual_seconds(context: bpy.types.Context, *, engine: Engine, weights: str) -> dict[Preset, float]:
    """What a job of each quality takes on this machine, as far as that was seen."""
    try:
        root = data_root(preferences(context))
    except AddonError:
        return {}
    device = jobs.device_name() or timings.last_device(root)
    return timings.usual_seconds(root, device=device, engine=engine, weights=weights)


def _likely_kinds() -> tuple[str, ...]:
    """The kind of device that a job will run on, or both while that is not known."""
    ready = jobs.SESSION.client.ready
    device = ready.device if ready else Device[preferences(bpy.context).device]
    if device is Device.AUTO:
        return tuple(_KINDS)
    return ("cpu",) if device is Device.CPU else ("gpu",)


@functools.lru_cache(maxsize=64)
def _items(
    root: Path, _changed: int, device: str, kinds: tuple[str, ...], engine: Engine, weights: str, _locale: str
) -> Items:
    """The same; kept, because Blender holds texts of such items only as long as somebody else does."""
    seconds = timings.usual_seconds(root, device=device, engine=engine, weights=weights)
    learned = timings.usual_memory_mib(root, device=device, engine=engine, weights=weights)
    measured = {kind: mib for kind, mib in memory_mib(engine, weights).items() if kind in kinds}
    return [
        (
            name,
            title,
            "\n".join([f"{tr(text)}.", _time(seconds.get(preset)), *_memory(learned.get(preset), measured)]),
        )
        for preset, (name, title, text) in zip(Preset, PRESETS, strict=True)
    ]


def _time(seconds: float | None) -> str:
    if seconds is None:
        return tr("Time: not known before the first run on this machine.")
    return tr("Time: about {time} on this machine.", time=duration(seconds))


def _memory(learned_mib: float | None, measured_mib: dict[str, float]) -> list[str]:
    """What runs on this machine took, else what the authors measured elsewhere."""
    if learned_mib is not None:
        return [tr("Memory: {size} GiB on this machine.", size=gib(learned_mib))]
    return [
        tr("Memory: about {size} GiB ({kind}).", size=gib(mib), kind=tr(_KINDS[kind]))
        for kind, mib in measured_mib.items()
    ]


def gib(mib: float) -> str:
    """Memory as sentences tell it."""
    return f"{mib / _MIB_PER_GIB:.1f}"
