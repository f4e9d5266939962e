"""Why a job cannot be started now, and what the artist can press to change that."""

from dataclasses import dataclass

import bpy

from ..backend.protocol import Engine, Preset
from . import memory, quality
from .downloadable import Downloadable, engine_of, entry_of
from .errors import AddonError
from .preferences import data_root, launch_problem, preferences
from .properties import scene_settings
from .texts import tr

PREFERENCES = "preferences"
"""A cure that lies in the add-on's preferences."""
METHOD = "method"
"""A cure: choose another engine or other weights."""
NETWORK = "network"
"""A cure: download the chosen weights."""
PICTURE = "picture"
"""A cure: choose a picture."""
MEMORY = "memory"
"""A cure: choose a lower quality, or free memory."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is missing, in one sentence, and what kind of cure there is."""

    text: str
    cure: str


def missing_network(context: bpy.types.Context, name: str) -> Downloadable | None:
    """The network of that name, if it must be downloaded first."""
    entry = entry_of(name)
    try:
        is_there = entry is None or entry.is_present(data_root(preferences(context)))
    except AddonError:
        return None
    return None if is_there else entry


def is_set_up(context: bpy.types.Context) -> bool:
    """The backend can be started, so that the panels have something to offer."""
    return not launch_problem(context)


def problem(context: bpy.types.Context) -> Problem | None:
    """What keeps the panel's button from starting a job."""
    if text := launch_problem(context):
        return Problem(text, PREFERENCES)
    settings = scene_settings(context)
    if engine_of(settings.weights) not in (None, Engine[settings.engine]):
        return Problem("These weights are for the other engine", METHOD)
    if missing_network(context, settings.weights):
        return Problem("The weights must be downloaded first", NETWORK)
    if settings.image is None:
        return Problem("Choose a picture first", PICTURE)
    if lack := missing_memory(context):
        text = "{preset} takes {needed} GiB of GPU memory, {free} are free"
        return Problem(
            tr(
                text,
                preset=tr(quality.TITLES[Preset[settings.preset]]),
                needed=quality.gib(lack.needed_mib),
                free=quality.gib(lack.free_mib),
            ),
            MEMORY,
        )
    return None


def missing_memory(context: bpy.types.Context) -> memory.Shortage | None:
    """What the panel's job lacks of the graphics card's memory."""
    settings = scene_settings(context)
    return memory.shortage(
        context,
        engine=Engine[settings.engine],
        weights=settings.chosen_weights(),
        preset=Preset[settings.preset],
    )
