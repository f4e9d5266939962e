"""Parts of which the things of `backend.train.families` are built, in plain numbers.

A thing has +Z up, +X to the right and its front towards -Y; its unit is its own.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

Number = int | float
Point = tuple[Number, Number]
Vector = tuple[Number, Number, Number]
Profile = tuple[Point, ...]
Section = Literal["circle", "square", "triangle", "hexagon", "soft", "lens", "flat", "ribs", "star"]
Axis = Literal["x", "y", "z"]

STEPS = 21
"""Segments of the finest profile."""


@dataclass(frozen=True, slots=True)
class Part:
    """A profile swept around an axis with a cross-section, and its place.

    Attributes:
        profile: Points (radius, height) from the bottom to the top, in [-1, 1] or so.
        at: Its origin.
        size: Half sizes along the thing's axes, before leaning and turning; a negative one mirrors.
        colour: Name of a colour of the thing's palette.
        axis: The thing's axis along which the profile lies.
        turn: Angles about x, then y, then z.
        lean: Shear: how far x and y move with z.
        bend: Angle through which the profile's axis turns; to be used with equal sizes.
        is_smooth: Whether the profile is a curve through its points.
    """

    profile: Profile
    at: Vector
    size: Vector
    colour: str
    section: Section = "circle"
    axis: Axis = "z"
    turn: Vector = (0.0, 0.0, 0.0)
    lean: Point = (0.0, 0.0)
    bend: Number = 0.0
    is_smooth: bool = False


Family = Callable[[Random], list[Part]]

CYLINDER: Profile = ((0, -1), (1, -1), (1, 1), (0, 1))
BALL: Profile = (
    (0, -1),
    *((math.cos(t), math.sin(t)) for t in (math.pi * (k / STEPS - 0.5) for k in range(1, STEPS))),
    (0, 1),
)
DOME: Profile = (
    (0, 0),
    *((math.cos(t), math.sin(t)) for t in (math.pi / 2 * k / (STEPS - 1) for k in range(STEPS - 1))),
    (0, 1),
)


def frustum(top: Number) -> Profile:
    """A cone of radius one below and `top` above."""
    return (0, -1), (1, -1), (top, 1), (0, 1)


def rounded(power: Number) -> Profile:
    """Between a ball (1) and a cylinder (0)."""
    return tuple((max(r, 0.0) ** power, math.copysign(abs(z) ** power, z)) for r, z in BALL)


def ring(thin: Number) -> Profile:
    """A torus of outer radius one about the axis; `thin` is the tube's radius."""
    around = [2 * math.pi * (k % STEPS) / STEPS for k in range(STEPS + 1)]
    return tuple((1 - thin + thin * math.cos(t), thin * math.sin(t)) for t in around)


def rope(thin: Number, end: Number = 1.0) -> Profile:
    """A long rod of radius `thin` below, `end` times that above, for bending."""
    return (0, -1), (thin, -1), (thin * end, 1), (0, 1)


def hollow(outside: Profile, wall: Number) -> Profile:
    """A vessel: up outside, down inside, with a floor; `outside` starts on its foot's edge."""
    inside = [(max(r - wall, 0.02), z) for r, z in reversed(outside[1:])]
    foot, floor = outside[0][0], outside[0][1] + 1.5 * wall
    return (0, outside[0][1]), *outside, *inside, (max(foot - wall, 0.02), floor), (0, floor)


def box(
    at: Vector, size: Vector, colour: str, *, turn: Vector = (0.0, 0.0, 0.0), lean: Point = (0.0, 0.0)
) -> Part:
    return Part(CYLINDER, at, size, colour, section="square", turn=turn, lean=lean)


def cube(size: Number) -> Vector:
    """The same half size along every axis."""
    return size, size, size


def soft_box(at: Vector, size: Vector, colour: str, *, turn: Vector = (0.0, 0.0, 0.0)) -> Part:
    """A cushion."""
    return Part(rounded(0.35), at, size, colour, section="soft", turn=turn)


def ball(at: Vector, size: Vector, colour: str, *, turn: Vector = (0.0, 0.0, 0.0)) -> Part:
    return Part(BALL, at, size, colour, turn=turn)


def disc(at: Vector, radius: Number, thick: Number, colour: str, *, axis: Axis = "z") -> Part:
    """A cylinder of `thick` half its height along the axis."""
    size = {"x": (thick, radius, radius), "y": (radius, thick, radius), "z": (radius, radius, thick)}[axis]
    return Part(CYLINDER, at, size, colour, axis=axis)


def rod(
    start: Vector, end: Vector, radius: Number, colour: str, *, top: Number = 1.0, section: Section = "circle"
) -> Part:
    """A straight rod between two points, `top` times as thick at its end."""
    dx, dy, dz = (b - a for a, b in zip(start, end, strict=True))
    across = math.hypot(dx, dy)
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, (start[2] + end[2]) / 2)
    half = math.hypot(across, dz) / 2
    turn = (0.0, math.atan2(across, dz), math.atan2(dy, dx) if across > 0 else 0.0)
    return Part(frustum(top), middle, (radius, radius, half), colour, section=section, turn=turn)


def mirrored(parts: list[Part]) -> list[Part]:
    """The parts, and the same on the other side of the plane x = 0."""
    return parts + [
        replace(
            part,
            at=(-part.at[0], part.at[1], part.at[2]),
            size=(-part.size[0], part.size[1], part.size[2]),
            turn=(part.turn[0], -part.turn[1], -part.turn[2]),
            lean=(-part.lean[0], part.lean[1]),
        )
        for part in parts
    ]


def chance(draw: Random, probability: Number) -> bool:
    return draw.random() < probability


def legs(draw: Random, width: Number, depth: Number, height: Number, colour: str) -> list[Part]:
    """Four legs under a top of these half sizes, straight or spread, round or square."""
    thick = draw.uniform(0.03, 0.09) * (width + depth) / 2 + 0.01
    spread = draw.choice((0.0, 0.0, draw.uniform(0.0, 0.25))) * min(width, depth)
    section: Section = draw.choice(("circle", "square"))
    # A square rod that leans would be turned about itself.
    section = "circle" if spread > 0 else section
    inset = draw.uniform(0.0, 0.15)
    x, y = width * (1 - inset) - thick, depth * (1 - inset) - thick
    top = draw.uniform(1.0, 1.6)
    return mirrored(
        [
            rod(
                (x + spread, s * (y + spread), 0.0),
                (x, s * y, height),
                thick / top,
                colour,
                top=top,
                section=section,
            )
            for s in (-1, 1)
        ]
    )
