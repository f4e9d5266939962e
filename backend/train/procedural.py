"""Random objects composed of primitives, placed so that some of them look like things.

Legend: `s` scenes, `k` slots for primitives in a scene, `n` primitives.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.train.patterns import pattern_colours, random_colours
from backend.train.primitives import Primitives, random_primitives

SLOTS = 9
COUNT_WEIGHTS = torch.tensor([4.0, 5.0, 5.0, 5.0, 4.0, 3.0, 2.0, 1.5, 1.0])
"""Weights of 1 to 9 primitives in an object (after Zeroverse, arXiv 2406.09371, section 3)."""

CLUSTER, STACK, PAIRS, LEGS, LATTICE = range(5)
LAYOUT_WEIGHTS = torch.tensor([2.5, 2.5, 2.5, 1.5, 0.6])


@dataclass(frozen=True, slots=True)
class Compositions:
    """Primitives of a batch of procedural objects, not yet centred or scaled.

    Attributes:
        scene: Object of each primitive, rising.
        world_from_part: Affine placement of each primitive.
        uv_scale: Repeats of the pattern around and along.
        pattern: Pattern of each primitive, as a number below the count given.
        colours: Affine change of the pattern's channels to sRGB.
    """

    primitives: Primitives
    scene: Int[Tensor, " n"]
    world_from_part: Float[Tensor, "n 3 4"]
    uv_scale: Float[Tensor, "n 2"]
    pattern: Int[Tensor, " n"]
    colours: Float[Tensor, "n 3 4"]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the slots of scenes are: positions, sizes and which are rotated, used, boxes or mirrored."""

    offset: Float[Tensor, "s k 3"]
    size: Float[Tensor, "s k 3"]
    is_free: Bool[Tensor, "s k"]
    is_used: Bool[Tensor, "s k"]
    is_box: Bool[Tensor, "s k"]
    twin: Bool[Tensor, "s k"]


def random_compositions(count: int, patterns: int, generator: torch.Generator) -> Compositions:
    """Random objects; `generator` is a CPU one."""
    number = 1 + torch.multinomial(COUNT_WEIGHTS, count, replacement=True, generator=generator)
    kind = torch.multinomial(LAYOUT_WEIGHTS, count, replacement=True, generator=generator)
    layout = _chosen(kind, _layouts(count, number, generator))
    turns = _rotations(layout.is_free, generator)
    place = torch.cat([turns * layout.size[..., None, :], layout.offset[..., None]], dim=3)
    used = layout.is_used
    # A twin repeats the slot before it, mirrored: the same shape and colours on the other side.
    original = torch.arange(SLOTS).expand(count, -1) - layout.twin.long()
    total = count * SLOTS
    primitives = random_primitives(total, generator, boxes=layout.is_box.reshape(-1))
    uv_scale = torch.randint(1, 4, (total, 2), generator=generator).float()
    pattern = torch.randint(patterns, (total,), generator=generator)
    colours = _colours(count, generator)
    slot = (torch.arange(count)[:, None] * SLOTS + original)[used]
    mirror = torch.where(layout.twin, -1.0, 1.0)[used]
    world = place.reshape(total, 3, 4)[slot].clone()
    world[:, 0] *= mirror[:, None]
    return Compositions(
        Primitives(
            primitives.vertices[slot],
            primitives.normals[slot],
            primitives.uv,
            primitives.faces,
            primitives.is_face[slot],
        ),
        scene=torch.arange(count)[:, None].expand(-1, SLOTS)[used],
        world_from_part=world,
        uv_scale=uv_scale[slot],
        pattern=pattern[slot],
        colours=colours.reshape(total, 3, 4)[slot],
    )


def _uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator)


def _sizes(shape: tuple[int, int], generator: torch.Generator) -> Float[Tensor, "s k 3"]:
    """Half sizes of all proportions: solid, flat or long."""
    overall = torch.exp(_uniform((*shape, 1), math.log(0.12), math.log(0.6), generator))
    stretch = torch.exp(0.45 * torch.randn(*shape, 3, generator=generator))
    thin = torch.rand(*shape, 3, generator=generator) < 0.12
    return overall * torch.where(thin, 0.18, stretch).clamp(0.12, 2.5)


def _layouts(count: int, number: Int[Tensor, " s"], generator: torch.Generator) -> list[_Layout]:
    """One layout of each kind for every scene, in the order of the constants."""
    shape = (count, SLOTS)
    slot = torch.arange(SLOTS).expand(shape)
    is_used = slot < number[:, None]
    none = torch.zeros(shape, dtype=torch.bool)
    is_box = torch.rand(shape, generator=generator) < 0.15
    cluster = _Layout(
        _uniform((*shape, 3), -0.35, 0.35, generator),
        _sizes(shape, generator),
        torch.rand(shape, generator=generator) < 0.5,
        is_used,
        is_box,
        none,
    )
    size = _sizes(shape, generator)
    top = (2 * size[..., 2]).cumsum(dim=1)
    sideways = 0.12 * torch.randn(*shape, 2, generator=generator) * (slot > 0)[..., None]
    stack = _Layout(
        torch.cat([sideways, (top - size[..., 2])[..., None] * 0.97], dim=2),
        size,
        none,
        is_used,
        is_box,
        none,
    )
    return [
        cluster,
        stack,
        _pairs(shape, is_used, is_box, generator),
        _legs(shape, generator),
        _lattice(shape, generator),
    ]


def _pairs(
    shape: tuple[int, int],
    is_used: Bool[Tensor, "s k"],
    is_box: Bool[Tensor, "s k"],
    generator: torch.Generator,
) -> _Layout:
    """A body on the plane of symmetry, then pairs left and right of it."""
    slot = torch.arange(SLOTS).expand(shape)
    twin = (slot > 0) & (slot % 2 == 0)
    offset = _uniform((*shape, 3), -0.4, 0.4, generator)
    offset[..., 0] = offset[..., 0].abs() + 0.1
    offset[:, 0] = 0
    size = _sizes(shape, generator) * torch.where(slot > 0, 0.6, 1.3)[..., None]
    free = (slot > 0) & (torch.rand(shape, generator=generator) < 0.4)
    # Whole pairs only.
    used = is_used | (twin & is_used.roll(1, dims=1))
    return _Layout(offset, size, free, used, is_box, twin)


def _legs(shape: tuple[int, int], generator: torch.Generator) -> _Layout:
    """A top, four legs, and for some a back and two arms: tables, chairs, animals without heads."""
    count = shape[0]
    half = _uniform((count, 2), 0.2, 0.5, generator)
    thick = _uniform((count,), 0.02, 0.12, generator)
    tall = _uniform((count,), 0.15, 0.5, generator)
    leg = _uniform((count,), 0.02, 0.07, generator)
    back = _uniform((count,), 0.1, 0.45, generator)
    has_back = torch.rand(count, generator=generator) < 0.5
    has_arms = has_back & (torch.rand(count, generator=generator) < 0.4)
    inset = half - leg[:, None]
    offset, size = torch.zeros(*shape, 3), torch.full((*shape, 3), 0.05)
    size[:, 0] = torch.stack([half[:, 0], half[:, 1], thick], dim=1)
    for index, (right, behind) in enumerate(((-1, -1), (1, -1), (1, 1), (-1, 1)), start=1):
        offset[:, index] = torch.stack([right * inset[:, 0], behind * inset[:, 1], -tall], dim=1)
        size[:, index] = torch.stack([leg, leg, tall], dim=1)
    offset[:, 5] = torch.stack([0 * tall, inset[:, 1], back], dim=1)
    size[:, 5] = torch.stack([half[:, 0], leg, back], dim=1)
    for index, right in ((6, -1), (7, 1)):
        offset[:, index] = torch.stack([right * inset[:, 0], 0 * tall, back * 0.7], dim=1)
        size[:, index] = torch.stack([leg, half[:, 1], leg], dim=1)
    used = torch.zeros(shape, dtype=torch.bool)
    used[:, :5] = True
    used[:, 5] = has_back
    used[:, 6:8] = has_arms[:, None]
    is_box = torch.ones(shape, dtype=torch.bool)
    is_box[:, 1:5] = (torch.rand(count, generator=generator) < 0.5)[:, None]
    is_box[:, 0] = torch.rand(count, generator=generator) < 0.7
    return _Layout(offset, size, torch.zeros_like(used), used, is_box, torch.zeros_like(used))


def _lattice(shape: tuple[int, int], generator: torch.Generator) -> _Layout:
    """Bars side by side and two rails across: fences, grilles, racks."""
    count = shape[0]
    bar = _uniform((count,), 0.015, 0.05, generator)
    tall = _uniform((count,), 0.2, 0.5, generator)
    offset, size = torch.zeros(*shape, 3), torch.zeros(*shape, 3)
    for index in range(7):
        offset[:, index, 0] = (index - 3) / 7
        size[:, index] = torch.stack([bar, bar, tall], dim=1)
    for index, up in ((7, -0.8), (8, 0.8)):
        offset[:, index, 2] = up * tall
        size[:, index] = torch.stack([torch.full((count,), 0.5), bar, bar], dim=1)
    lying = torch.rand(count, generator=generator) < 0.4
    for part in (offset, size):
        part[lying] = part[lying][..., [0, 2, 1]]
    used = torch.ones(shape, dtype=torch.bool)
    is_box = (torch.rand(count, 1, generator=generator) < 0.6).expand(shape)
    none = torch.zeros_like(used)
    return _Layout(offset, size, none, used, is_box, none)


def _chosen(kind: Int[Tensor, " s"], layouts: list[_Layout]) -> _Layout:
    rows = torch.arange(len(kind))

    def pick(name: str) -> Tensor:
        return torch.stack([getattr(layout, name) for layout in layouts])[kind, rows]

    return _Layout(*(pick(name) for name in ("offset", "size", "is_free", "is_used", "is_box", "twin")))


def _rotations(is_free: Bool[Tensor, "s k"], generator: torch.Generator) -> Float[Tensor, "s k 3 3"]:
    """Any rotation where free; else the axis of the primitive along one of the world's axes, mostly up."""
    quaternion = torch.nn.functional.normalize(torch.randn(*is_free.shape, 4, generator=generator), dim=-1)
    free = rotation_matrices(quaternion)
    orders = torch.tensor([[0, 1, 2], [0, 1, 2], [0, 1, 2], [2, 0, 1], [1, 2, 0]])
    choice = torch.randint(len(orders), is_free.shape, generator=generator)
    lying = torch.eye(3)[orders[choice]]
    return torch.where(is_free[..., None, None], free, lying)


def rotation_matrices(quaternion: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 3 3"]:
    """Rotations of unit quaternions (w, x, y, z)."""
    w, x, y, z = quaternion.unbind(dim=-1)
    rows = [
        torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], dim=-1),
        torch.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], dim=-1),
        torch.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], dim=-1),
    ]
    return torch.stack(rows, dim=-2)


def _colours(count: int, generator: torch.Generator) -> Float[Tensor, "s k 3 4"]:
    """Colours from a small palette of the object, so that parts go together."""
    palette = random_colours(count * 4, generator).view(count, 4, 3)
    rows = torch.arange(count)[:, None]
    picks = [palette[rows, torch.randint(4, (count, SLOTS), generator=generator)] for _ in range(3)]
    own = random_colours(count * SLOTS, generator).view(count, SLOTS, 3)
    is_own = torch.rand(count, SLOTS, 1, generator=generator) < 0.2
    base = torch.where(is_own, own, picks[0]).reshape(-1, 3)
    grain = (torch.rand(count * SLOTS, generator=generator) - 0.4).clamp_min(0) * 0.4
    return pattern_colours(base, picks[1].reshape(-1, 3), picks[2].reshape(-1, 3), grain).view(
        count, SLOTS, 3, 4
    )
