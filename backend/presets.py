"""The presets: named values that trade time against quality, in one table."""

import types
from collections.abc import Mapping
from dataclasses import dataclass

from backend.protocol import Preset


@dataclass(frozen=True, kw_only=True, slots=True)
class PresetValues:
    """What a preset stands for.

    Attributes:
        view_steps: Sampling steps of the six views.
        guidance: Weight of the picture in them.
        occupancy_steps: Sampling steps of the coarse shell.
        shape_steps: Sampling steps of the fine shape.
        faces: Triangles of the mesh.
        texture_px: Side of the texture.
        texture_iterations: Steps of fitting the colour field.
        normal_map: Whether the surface before simplification is baked into a normal map.
        anchor_steps: Sampling steps of One-2-3-45's anchors.
        neighbour_steps: Sampling steps of its 32 views around them.
        sdf_resolution: Voxels along a side of its shape.
    """

    view_steps: int
    guidance: float
    occupancy_steps: int
    shape_steps: int
    faces: int
    texture_px: int
    texture_iterations: int
    normal_map: bool
    anchor_steps: int
    neighbour_steps: int
    sdf_resolution: int


PRESETS: Mapping[Preset, PresetValues] = types.MappingProxyType(
    {
        Preset.DRAFT: PresetValues(
            view_steps=16,
            guidance=2.5,
            occupancy_steps=1,
            shape_steps=1,
            faces=10_000,
            texture_px=512,
            texture_iterations=30,
            normal_map=False,
            anchor_steps=12,
            neighbour_steps=8,
            sdf_resolution=128,
        ),
        Preset.STANDARD: PresetValues(
            view_steps=16,
            guidance=2.5,
            occupancy_steps=1,
            shape_steps=1,
            faces=20_000,
            texture_px=1024,
            texture_iterations=75,
            normal_map=True,
            anchor_steps=20,
            neighbour_steps=12,
            sdf_resolution=256,
        ),
        Preset.HIGH: PresetValues(
            view_steps=75,
            guidance=2.5,
            occupancy_steps=2,
            shape_steps=1,
            faces=50_000,
            texture_px=2048,
            texture_iterations=250,
            normal_map=True,
            anchor_steps=40,
            neighbour_steps=24,
            sdf_resolution=256,
        ),
    }
)


def lower(preset: Preset) -> Preset | None:
    """The next cheaper preset, or None below the cheapest."""
    order = list(Preset)
    index = order.index(preset)
    return order[index - 1] if index else None
