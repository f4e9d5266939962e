"""Parametric families of everyday things with a front, as random compositions of primitives.

Their parts are drawn in plain Python (`backend.train.things`); a batch becomes tensors at once. Legend:
`s` scenes, `n` primitives.
"""

import math
from random import Random

import torch
from jaxtyping import Float
from torch import Tensor

from backend.train.changes import rotations_about
from backend.train.patterns import pattern_colours, random_colours
from backend.train.primitives import (
    ROWS,
    SECTIONS,
    Primitives,
    polyline,
    section_table,
    smooth_polyline,
    swept_primitives,
)
from backend.train.procedural import Compositions
from backend.train.things.creatures import CREATURES
from backend.train.things.devices import DEVICES
from backend.train.things.furniture import FURNITURE
from backend.train.things.household import HOUSEHOLD
from backend.train.things.parts import Family, Part
from backend.train.things.places import PLACES
from backend.train.things.tools import TOOLS
from backend.train.things.vehicles import VEHICLES

FAMILIES: tuple[Family, ...] = FURNITURE + HOUSEHOLD + DEVICES + VEHICLES + CREATURES + PLACES + TOOLS
"""Drawn evenly; a family of many shapes is there more than once."""

OWN = ("main", "second", "accent")
"""Colours of a thing's own choice; the others are those of materials."""

MATERIALS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "wood": ((0.33, 0.19, 0.10), (0.80, 0.62, 0.42)),
    "bark": ((0.25, 0.17, 0.11), (0.52, 0.42, 0.33)),
    "leaf": ((0.10, 0.30, 0.06), (0.50, 0.70, 0.25)),
    "metal": ((0.42, 0.43, 0.45), (0.85, 0.86, 0.88)),
    "dark": ((0.04, 0.04, 0.04), (0.22, 0.22, 0.23)),
    "white": ((0.80, 0.78, 0.74), (1.00, 1.00, 1.00)),
    "glass": ((0.10, 0.14, 0.18), (0.60, 0.76, 0.88)),
    "lit": ((0.92, 0.85, 0.60), (1.00, 1.00, 0.92)),
    "red": ((0.60, 0.05, 0.04), (0.92, 0.20, 0.15)),
    "orange": ((0.85, 0.36, 0.05), (0.98, 0.60, 0.20)),
    "yellow": ((0.80, 0.62, 0.15), (1.00, 0.88, 0.35)),
    "fruit": ((0.70, 0.08, 0.05), (0.80, 0.85, 0.25)),
    "skin": ((0.36, 0.22, 0.15), (0.98, 0.82, 0.72)),
    "hair": ((0.05, 0.04, 0.03), (0.75, 0.55, 0.30)),
    "horn": ((0.60, 0.55, 0.45), (0.95, 0.92, 0.82)),
    "beak": ((0.85, 0.45, 0.05), (1.00, 0.80, 0.20)),
    "earth": ((0.18, 0.10, 0.05), (0.45, 0.30, 0.18)),
    "straw": ((0.70, 0.58, 0.35), (0.95, 0.88, 0.65)),
    "stone": ((0.40, 0.38, 0.36), (0.75, 0.73, 0.70)),
    "brick": ((0.50, 0.20, 0.12), (0.80, 0.45, 0.30)),
    "roof": ((0.22, 0.14, 0.12), (0.75, 0.32, 0.20)),
}
"""Two sRGB colours between which a material lies."""

NAMES = OWN + tuple(MATERIALS)
TOYS = 0.12
"""Share of things whose materials have any colour."""


def random_families(count: int, patterns: int, generator: torch.Generator, *, turned: float) -> Compositions:
    """Random things; `generator` is a CPU one.

    Args:
        patterns: Number of patterns.
        turned: Share of the things turned by any angle about the vertical; the others' fronts are near -Y.
    """
    draw = Random(int(torch.randint(2**62, (), generator=generator)))
    things = [draw.choice(FAMILIES)(draw) for _ in range(count)]
    parts = [part for thing in things for part in thing]
    scene = torch.repeat_interleave(torch.arange(count), torch.tensor([len(thing) for thing in things]))
    turn = torch.where(
        torch.rand(count, generator=generator) < turned,
        2 * math.pi * torch.rand(count, generator=generator),
        math.radians(12) * torch.randn(count, generator=generator),
    )
    stretch = torch.exp(0.1 * torch.randn(count, 3, generator=generator).clamp(-2, 2))
    world = (rotations_about(2, turn) @ torch.diag_embed(stretch))[scene] @ placements(parts)
    slot = scene * len(NAMES) + torch.tensor([NAMES.index(part.colour) for part in parts])
    total = count * len(NAMES)
    return Compositions(
        part_solids(parts),
        scene=scene,
        world_from_part=world,
        uv_scale=torch.randint(1, 4, (total, 2), generator=generator).float()[slot],
        pattern=torch.randint(patterns, (total,), generator=generator)[slot],
        colours=_palettes(count, generator)[slot],
    )


def part_solids(parts: list[Part]) -> Primitives:
    """The solids of parts, each in its own coordinates."""
    along = torch.empty(len(parts), ROWS, 2)
    groups: dict[tuple[int, bool], list[int]] = {}
    for index, part in enumerate(parts):
        groups.setdefault((len(part.profile), part.is_smooth), []).append(index)
    for (_, is_smooth), own in groups.items():
        points = torch.tensor([parts[index].profile for index in own], dtype=torch.float32)
        along[own] = smooth_polyline(points) if is_smooth else polyline(points)
    along[..., 0].clamp_(min=0)
    section = torch.tensor([SECTIONS.index(part.section) for part in parts])
    return swept_primitives(
        along, section_table()[section], torch.tensor([float(part.bend) for part in parts])
    )


def placements(parts: list[Part]) -> Float[Tensor, "n 3 4"]:
    """Where parts are in their thing: axis, then size, lean, turn and origin."""
    numbers = torch.tensor(
        [(*part.at, *part.size, *part.turn, *part.lean) for part in parts], dtype=torch.float32
    )
    at, size, turn, lean = numbers.split([3, 3, 3, 2], dim=1)
    orders = torch.tensor([[1, 2, 0], [2, 0, 1], [0, 1, 2]]).argsort(dim=1)
    along = torch.eye(3)[orders[torch.tensor(["xyz".index(part.axis) for part in parts])]]
    shear = torch.eye(3).repeat(len(parts), 1, 1)
    shear[:, :2, 2] = lean
    turned = rotations_about(2, turn[:, 2]) @ rotations_about(1, turn[:, 1]) @ rotations_about(0, turn[:, 0])
    return torch.cat([turned @ shear @ (size[..., None] * along), at[..., None]], dim=2)


def _palettes(count: int, generator: torch.Generator) -> Float[Tensor, "n 3 4"]:
    """Colour maps of all `NAMES` for every thing, one thing after the other.

    Own colours are patterned in a third of the cases; of the materials the natural ones have grain.
    """
    any_colour = random_colours(count * len(NAMES) * 3, generator).view(3, count, len(NAMES), 3)
    low, high = torch.tensor(list(MATERIALS.values())).unbind(dim=1)
    share = torch.rand(count, len(MATERIALS), 1, generator=generator)
    tint = 0.03 * torch.randn(count, len(MATERIALS), 3, generator=generator)
    material = (low + share * (high - low) + tint).clamp(0, 1)
    is_toy = torch.rand(count, 1, 1, generator=generator) < TOYS
    base = any_colour[0].clone()
    base[:, len(OWN) :] = torch.where(is_toy, base[:, len(OWN) :], material)
    is_patterned = (torch.rand(count, len(NAMES), 1, generator=generator) < 0.33) & (
        torch.arange(len(NAMES)) < len(OWN)
    )[:, None]
    is_grained = torch.tensor(
        [name in ("wood", "bark", "leaf", "stone", "brick", "roof", "straw") for name in NAMES]
    )
    shade = torch.where(
        is_grained[:, None], 0.75 + 0.25 * torch.rand(count, len(NAMES), 1, generator=generator), 1.0
    )
    first = torch.where(is_patterned, any_colour[1], base * shade)
    second = torch.where(is_patterned, any_colour[2], base * shade.sqrt())
    grain = (torch.rand(count, len(NAMES), generator=generator) - 0.4).clamp_min(0) * 0.25
    return pattern_colours(base.flatten(0, 1), first.flatten(0, 1), second.flatten(0, 1), grain.flatten())
