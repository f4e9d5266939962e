"""Why a job cannot be started now, and what the artist can press to change that."""

from dataclasses import dataclass

import bpy

from .preferences import launch_problem
from .properties import scene_settings

PREFERENCES = "preferences"
"""A cure that lies in the add-on's preferences."""
PICTURE = "picture"
"""A cure: choose a picture."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is missing, in one sentence, and what kind of cure there is."""

    text: str
    cure: str


def problem(context: bpy.types.Context) -> Problem | None:
    """What keeps the panel's button from starting a job."""
    if text := launch_problem(context):
        return Problem(text, PREFERENCES)
    if scene_settings(context).image is None:
        return Problem("Choose a picture first", PICTURE)
    return None
