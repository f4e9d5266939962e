"""Why a job cannot be started now, and what the artist can press to change that."""

from dataclasses import dataclass

import bpy

from ..backend.protocol import Engine
from .downloadable import Downloadable, engine_of, entry_of
from .errors import AddonError
from .preferences import data_root, launch_problem, preferences
from .properties import scene_settings

PREFERENCES = "preferences"
"""A cure that lies in the add-on's preferences."""
METHOD = "method"
"""A cure: choose another engine or other weights."""
NETWORK = "network"
"""A cure: download the chosen weights."""
PICTURE = "picture"
"""A cure: choose a picture."""


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
    return None
