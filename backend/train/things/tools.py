"""Tools, weapons, containers and a guitar, upright, their flat sides towards -Y."""

import math
from random import Random

from backend.train.things.parts import (
    CYLINDER,
    DOME,
    Part,
    ball,
    box,
    chance,
    cube,
    disc,
    frustum,
    mirrored,
    ring,
    rod,
    soft_box,
)


def hammer(draw: Random) -> list[Part]:
    """A claw hammer, a mallet or an axe."""
    tall, grip = draw.uniform(0.5, 0.9), draw.uniform(0.035, 0.06)
    parts = [rod((0, 0, 0), (0, 0, 2 * tall), grip, draw.choice(("wood", "wood", "main")), top=0.8)]
    if chance(draw, 0.5):
        parts.append(disc((0, 0, tall * 0.35), grip * 1.25, tall * 0.35, draw.choice(("dark", "second"))))
    top = 2 * tall - 0.06
    kind = draw.randrange(3)
    if kind == 0:
        half = draw.uniform(0.16, 0.24)
        claw = Part(
            ((0, -1), (0.3, -1), (0.06, 1), (0, 1)),
            (half * 0.9, 0, top - 0.04),
            (half, half, half),
            "metal",
            turn=(0, math.pi / 2, 0),
            section="square",
            bend=0.9,
        )
        return [
            *parts,
            box((0, 0, top), (0.08, 0.075, 0.075), "metal"),
            disc((-half * 0.8, 0, top), 0.05, half * 0.6, "metal", axis="x"),
            disc((-half * 1.4, 0, top), 0.085, 0.05, "metal", axis="x"),
            claw,
        ]
    if kind == 1:
        size, half = draw.uniform(0.12, 0.2), draw.uniform(0.2, 0.35)
        section = draw.choice(("circle", "square"))
        return [
            *parts,
            Part(
                CYLINDER,
                (0, 0, top),
                (half, size, size),
                draw.choice(("wood", "metal", "main")),
                axis="x",
                section=section,
            ),
        ]
    blade = draw.uniform(0.13, 0.2)
    edge = Part(
        frustum(draw.uniform(1.6, 2.2)),
        (blade, 0, top),
        (blade, 0.03, 0.12),
        "metal",
        axis="x",
        section="square",
    )
    return [*parts, box((0, 0, top), (0.09, 0.065, 0.11), "metal"), edge]


def screwdriver(draw: Random) -> list[Part]:
    """A thick ribbed handle and a thin shaft."""
    grip, half, long = draw.uniform(0.07, 0.12), draw.uniform(0.2, 0.3), draw.uniform(0.3, 0.7)
    handle = ((0, -1), (0.8, -1), (1, -0.6), (0.85, 0.3), (1, 0.7), (0.6, 1), (0, 1))
    top = half + long
    return [
        Part(
            handle, (0, 0, 0), (grip, grip, half), "main", section=draw.choice(("ribs", "hexagon", "circle"))
        ),
        disc((0, 0, half), grip * 0.65, 0.03, draw.choice(("second", "dark"))),
        disc((0, 0, half + long / 2), grip * 0.3, long / 2, "metal"),
        Part(frustum(1.5), (0, 0, top + 0.05), (grip * 0.35, grip * 0.12, 0.07), "metal", section="square"),
    ]


def brush(draw: Random) -> list[Part]:
    """A paint brush or a broom."""
    long = draw.uniform(0.4, 0.9)
    wide, deep, hair = draw.uniform(0.1, 0.28), draw.uniform(0.05, 0.09), draw.uniform(0.12, 0.22)
    handle = draw.choice(("wood", "main", "accent"))
    return [
        rod((0, 0, 0), (0, 0, 2 * long), draw.uniform(0.03, 0.05), handle, top=0.8),
        Part(frustum(0.5), (0, 0, 0.0), (wide, deep, 0.09), draw.choice(("metal", "wood")), section="soft"),
        Part(
            frustum(draw.uniform(0.7, 1.4)),
            (0, 0, -hair),
            (wide * 0.95, deep * 0.9, -hair),
            draw.choice(("straw", "dark", "second")),
            section="soft",
        ),
    ]


def sword(draw: Random) -> list[Part]:
    """A blade with a point, a guard, a grip and a pommel."""
    long, wide = draw.uniform(0.5, 0.8), draw.uniform(0.05, 0.11)
    guard, grip = draw.uniform(0.16, 0.32), draw.uniform(0.12, 0.2)
    gold = draw.choice(("metal", "yellow", "second"))
    point = draw.uniform(0.12, 0.3)
    return [
        Part(CYLINDER, (0, 0, long), (wide, 0.025, long), "metal", section="lens"),
        Part(frustum(0.04), (0, 0, 2 * long + point / 2), (wide, 0.025, point / 2), "metal", section="lens"),
        soft_box((0, 0, 0), (guard, 0.05, 0.045), gold),
        *mirrored([ball((guard, 0, 0), (0.055, 0.055, 0.055), gold)]),
        disc((0, 0, -grip), 0.042, grip, draw.choice(("wood", "dark", "main"))),
        ball((0, 0, -2 * grip - 0.03), (0.07, 0.06, 0.07), gold),
    ]


def shovel(draw: Random) -> list[Part]:
    """Blade down, a handle like a D or a ball above."""
    long, wide, tall = draw.uniform(0.5, 0.9), draw.uniform(0.16, 0.26), draw.uniform(0.2, 0.3)
    parts = [
        rod((0, 0, 0), (0, 0, 2 * long), 0.035, draw.choice(("wood", "wood", "main"))),
        Part(
            frustum(draw.uniform(0.3, 0.7)),
            (0, -0.02, -tall + 0.05),
            (wide, 0.025, -tall),
            draw.choice(("metal", "main")),
            section="square",
            lean=(0, -0.12),
        ),
        Part(frustum(0.5), (0, 0, 0.08), (0.07, 0.045, 0.1), "metal"),
    ]
    if chance(draw, 0.6):
        return [
            *parts,
            Part(
                ring(0.2),
                (0, 0, 2 * long + 0.1),
                (0.14, 0.14, 0.12),
                draw.choice(("dark", "accent")),
                axis="y",
            ),
        ]
    return [*parts, ball((0, 0, 2 * long), (0.07, 0.07, 0.07), "dark")]


def barrel(draw: Random) -> list[Part]:
    """Bulged wood with hoops, or a drum."""
    radius, tall = draw.uniform(0.32, 0.45), draw.uniform(0.4, 0.6)
    if chance(draw, 0.3):
        parts = [disc((0, 0, 0), radius, tall, draw.choice(("main", "metal")))]
        return parts + [
            disc((0, 0, up * tall), radius * 1.04, 0.025, "main") for up in (-0.96, -0.33, 0.33, 0.96)
        ]
    narrow = draw.uniform(0.7, 0.9)
    middle = (1 + narrow) / 2 + 0.04
    shape = ((0, -1), (narrow, -1), (middle, -0.6), (1, 0), (middle, 0.6), (narrow, 1), (0, 1))
    parts = [Part(shape, (0, 0, 0), (radius, radius, tall), "wood")]
    for up in (-0.85, -0.4, 0.4, 0.85):
        size = radius * (1.02 - (1 - narrow) * abs(up) ** 1.5) + 0.012
        parts.append(disc((0, 0, up * tall), size, 0.035, draw.choice(("metal", "dark"))))
    if chance(draw, 0.4):
        parts.append(disc((0, -radius, -tall * 0.1), 0.05, 0.06, "dark", axis="y"))
    return parts


def crate(draw: Random) -> list[Part]:
    """Boards between a frame of battens."""
    x, y, z = (draw.uniform(0.32, 0.5) for _ in range(3))
    bar = draw.uniform(0.04, 0.08)
    frame = draw.choice(("wood", "wood", "metal", "second"))
    parts = [box((0, 0, 0), (x, y, z), draw.choice(("wood", "wood", "main")))]
    for s in (-1, 1):
        parts += mirrored(
            [box((x, s * y, 0), (bar, bar, z + bar), frame), box((x, 0, s * z), (bar, y, bar), frame)]
        )
        parts += [box((0, t * y, s * z), (x, bar, bar), frame) for t in (-1, 1)]
    if chance(draw, 0.6):
        slope = math.atan2(x, z)
        long = math.hypot(x, z) - bar
        parts += [
            box((0, s * y, 0), (bar * 0.8, bar * 0.6, long), frame, turn=(0, slope, 0)) for s in (-1, 1)
        ]
    return parts


def chest(draw: Random) -> list[Part]:
    """A rounded lid, bands and a lock towards -Y."""
    wide, deep, tall = draw.uniform(0.45, 0.65), draw.uniform(0.28, 0.4), draw.uniform(0.2, 0.32)
    high = deep * draw.uniform(0.5, 1.0)
    body, bands = draw.choice(("wood", "wood", "main")), draw.choice(("metal", "yellow", "dark"))
    parts = [
        box((0, 0, 0), (wide, deep, tall), body),
        Part(CYLINDER, (0, 0, tall), (wide, deep, high), body, axis="x"),
    ]
    for x in (-0.85, 0.85) if chance(draw, 0.5) else (-0.9, 0.0, 0.9):
        parts += [
            box((x * wide, 0, 0), (0.05, deep * 1.03, tall * 1.02), bands),
            Part(CYLINDER, (x * wide, 0, tall), (0.05, deep * 1.03, high * 1.03), bands, axis="x"),
        ]
    parts += [
        box((0, 0, tall), (wide * 1.01, deep * 1.02, 0.03), bands),
        box((0, -deep, tall - 0.02), (0.08, 0.04, 0.1), "yellow"),
    ]
    if chance(draw, 0.4):
        parts += mirrored([Part(ring(0.2), (wide + 0.02, 0, 0.03), (0.09, 0.09, 0.09), bands, axis="x")])
    return parts


def guitar(draw: Random) -> list[Part]:
    """The strings towards -Y; a waist, a hole or pickups, pegs."""
    low, up = draw.uniform(0.32, 0.4), draw.uniform(0.22, 0.3)
    deep, long = draw.uniform(0.05, 0.11), draw.uniform(0.35, 0.5)
    body = draw.choice(("wood", "wood", "main", "red"))
    waist = low * 0.95
    front = -deep - 0.01
    end = waist + 2 * long
    parts = [
        disc((0, 0, 0), low, deep, body, axis="y"),
        disc((0, 0, waist * 0.95), up, deep, body, axis="y"),
        box((0, 0, waist * 0.5), (up * 0.75, deep, waist * 0.4), body),
        box((0, front, waist + long * 0.95), (0.045, 0.03, long * 1.1), draw.choice(("dark", "wood"))),
        box(
            (0, front + 0.02, end + 0.1), (0.075, 0.025, 0.12), draw.choice((body, "dark")), turn=(0.15, 0, 0)
        ),
        box((0, front, -low * 0.4), (0.13, 0.03, 0.025), "dark"),
    ]
    if chance(draw, 0.6):
        parts.append(disc((0, front, waist * 0.45), 0.1, 0.012, "dark", axis="y"))
    else:
        parts += [box((0, front, z), (0.1, 0.02, 0.035), "metal") for z in (0.0, waist * 0.45)]
    for row in range(3):
        parts += mirrored([ball((0.1, front + 0.02, end + 0.03 + 0.07 * row), cube(0.028), "metal")])
    for x in (-0.025, 0.0, 0.025):
        parts.append(
            box((x, front - 0.035, (end - low * 0.4) / 2), (0.004, 0.004, (end + low * 0.4) / 2), "metal")
        )
    return parts


def umbrella(draw: Random) -> list[Part]:
    """Open, with a crook below."""
    wide, long = draw.uniform(0.6, 0.9), draw.uniform(0.45, 0.7)
    half = 0.1 * math.pi / 2
    return [
        Part(
            DOME,
            (0, 0, long),
            (wide, wide, wide * draw.uniform(0.35, 0.6)),
            "main",
            section=draw.choice(("circle", "hexagon")),
        ),
        Part(frustum(0.98), (0, 0, long - 0.01), (wide * 0.97, wide * 0.97, 0.012), "second"),
        rod((0, 0, -long), (0, 0, long + wide * 0.5), 0.025, draw.choice(("metal", "wood"))),
        Part(
            ((0, -1), (0.25, -1), (0.25, 1), (0, 1)),
            (0.1, 0, -long - 0.1),
            (half, half, half),
            "wood",
            turn=(0, math.pi / 2, 0),
            bend=-math.pi,
        ),
    ]


TOOLS = (hammer, screwdriver, brush, sword, shovel, barrel, crate, chest, guitar, guitar, umbrella)
