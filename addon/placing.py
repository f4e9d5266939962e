"""Where in the scene the artist pointed."""

from collections.abc import Sequence

import bpy
from bpy_extras import view3d_utils
from mathutils import Vector

_MAX_GROUND_DISTANCE = 1000.0


def point_under_mouse(
    context: bpy.types.Context, event: bpy.types.Event
) -> tuple[float, float, float] | None:
    """World position under the mouse: a surface, else the ground, else at the depth of the 3D cursor.

    None when the mouse is not over a 3D view.
    """
    area = context.area
    if area is None or area.type != "VIEW_3D":
        return None
    region = next((region for region in area.regions if region.type == "WINDOW"), None)
    space = area.spaces.active
    if region is None or not isinstance(space, bpy.types.SpaceView3D) or space.region_3d is None:
        return None
    point = _point_at(context, region, space.region_3d, (event.mouse_x - region.x, event.mouse_y - region.y))
    return triple(point)


def _point_at(
    context: bpy.types.Context,
    region: bpy.types.Region,
    view: bpy.types.RegionView3D,
    pixel: tuple[float, float],
) -> Vector:
    direction = view3d_utils.region_2d_to_vector_3d(region, view, pixel)
    origin = view3d_utils.region_2d_to_origin_3d(region, view, pixel)
    depsgraph = context.evaluated_depsgraph_get()
    is_hit, point, *_ = context.scene.ray_cast(depsgraph, origin, direction)
    if is_hit:
        return point
    ground = ground_point(origin, direction)
    if ground is not None:
        return ground
    return view3d_utils.region_2d_to_location_3d(region, view, pixel, context.scene.cursor.location)


def triple(vector: Vector | Sequence[float]) -> tuple[float, float, float]:
    """A vector as plain numbers, which may be kept."""
    return (vector[0], vector[1], vector[2])


def ground_point(origin: Vector, direction: Vector) -> Vector | None:
    """Where a ray meets z = 0; None when it runs level, away from it, or meets it beyond reach."""
    if abs(direction.z) < 1e-6:
        return None
    distance = -origin.z / direction.z
    if not 0 < distance < _MAX_GROUND_DISTANCE:
        return None
    return origin + direction * distance
