"""Between metres and the units of a scene."""

import bpy


def metres_per_unit(scene: bpy.types.Scene) -> float:
    """Length of a Blender unit; a metre where the scene has no units."""
    units = scene.unit_settings
    return 1.0 if units.system == "NONE" else units.scale_length
