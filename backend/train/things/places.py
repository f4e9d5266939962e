"""What stands outdoors: houses, towers, trees, potted plants, cacti, mushrooms."""

import math
from random import Random

from backend.train.things.parts import (
    CYLINDER,
    DOME,
    Number,
    Part,
    Vector,
    ball,
    box,
    chance,
    cube,
    disc,
    frustum,
    hollow,
    mirrored,
    rod,
    rope,
    rounded,
)


def house(draw: Random) -> list[Part]:
    """Door towards -Y, windows around, a gabled or hipped roof, a chimney."""
    wide, deep, tall = draw.uniform(0.45, 0.8), draw.uniform(0.4, 0.7), draw.uniform(0.3, 0.6)
    high, over = draw.uniform(0.2, 0.5), draw.uniform(1.05, 1.2)
    wall = draw.choice(("white", "main", "brick", "wood"))
    parts = [box((0, 0, tall), (wide, deep, tall), wall)]
    if chance(draw, 0.75):
        # A triangle's corner is one from its axis, its base half as far on the other side.
        ridge = chance(draw, 0.5)
        across, along = (deep, wide) if ridge else (wide, deep)
        size = (across * over / 0.866, along * over, high / 1.5)
        at = (0, 0, 2 * tall + high / 3)
        turn = (0, 0, math.pi / 2 if ridge else 0)
        parts.append(Part(CYLINDER, at, size, "roof", section="triangle", axis="y", turn=turn))
    else:
        parts.append(
            Part(
                frustum(draw.uniform(0.03, 0.5)),
                (0, 0, 2 * tall + high / 2),
                (wide * over, deep * over, high / 2),
                "roof",
                section="square",
            )
        )
    if chance(draw, 0.6):
        parts.append(box((wide * 0.55, deep * 0.3, 2 * tall + high * 0.7), (0.07, 0.07, high * 0.6), "brick"))
    door = tall * draw.uniform(0.4, 0.6)
    x = draw.choice((0.0, wide * 0.4, -wide * 0.4))
    parts += [
        box((x, -deep, door), (0.11, 0.025, door), draw.choice(("wood", "second"))),
        ball((x + 0.07, -deep - 0.03, door), cube(0.02), "metal"),
    ]
    if chance(draw, 0.4):
        parts.append(box((x, -deep - 0.1, 0.03), (0.18, 0.14, 0.03), "stone"))
    return parts + _windows(draw, (wide, deep, tall), x)


def _windows(draw: Random, half: Vector, door: Number) -> list[Part]:
    """Panes in frames on all four walls."""
    wide, deep, tall = half
    w, h = draw.uniform(0.07, 0.12), draw.uniform(0.08, 0.14)
    frame = draw.choice(("white", "wood", "second"))
    floors = (0.65, 1.5) if tall > 0.42 else (1.2,)
    parts = []
    for floor in floors:
        up = tall * floor
        for x in (-wide * 0.6, 0.0, wide * 0.6):
            for y in (-deep, deep):
                if y < 0 and abs(x - door) < 0.24 and floor < 1.3:
                    continue
                parts += [
                    box((x, y, up), (w * 1.25, 0.015, h * 1.2), frame),
                    box((x, y, up), (w, 0.025, h), "glass"),
                ]
        parts += mirrored(
            [
                box((wide, 0, up), (0.015, w * 1.25, h * 1.2), frame),
                box((wide, 0, up), (0.025, w, h), "glass"),
            ]
        )
    return parts


def tower(draw: Random) -> list[Part]:
    """Round or square, a pointed roof or battlements; a lighthouse has a lamp."""
    radius, tall = draw.uniform(0.2, 0.35), draw.uniform(0.5, 0.95)
    narrow = draw.uniform(0.6, 1.0)
    section = draw.choice(("circle", "circle", "square", "hexagon"))
    wall = draw.choice(("stone", "stone", "white", "brick", "main"))
    top, width = 2 * tall, radius * narrow
    parts = [Part(frustum(narrow), (0, 0, tall), (radius, radius, tall), wall, section=section)]
    kind = draw.randrange(3)
    high = draw.uniform(0.15, 0.35)
    if kind == 0:
        parts.append(
            Part(
                frustum(0.03), (0, 0, top + high), (width * 1.25, width * 1.25, high), "roof", section=section
            )
        )
    elif kind == 1:
        parts.append(Part(CYLINDER, (0, 0, top), (width * 1.2, width * 1.2, 0.07), wall, section=section))
        for index in range(8):
            angle = (index + 0.5) * math.pi / 4
            at = (width * 1.08 * math.cos(angle), width * 1.08 * math.sin(angle), top + 0.11)
            parts.append(box(at, (width * 0.16, width * 0.2, 0.07), wall, turn=(0, 0, angle)))
    else:
        for up in (0.35, 0.75):
            size = radius * (1 + (narrow - 1) * up) * 1.02
            parts.append(
                Part(frustum(0.97), (0, 0, top * up), (size, size, tall * 0.16), "red", section=section)
            )
        parts += [
            disc((0, 0, top), width * 1.35, 0.03, "dark"),
            disc((0, 0, top + 0.13), width * 0.7, 0.12, "lit"),
            Part(DOME, (0, 0, top + 0.25), (width * 0.85, width * 0.85, 0.16), "roof"),
        ]
    parts.append(box((0, -radius * 0.95, 0.14), (radius * 0.33, 0.06, 0.15), "wood"))
    for up in (0.5, 0.82):
        parts.append(
            box((0, -radius * (1 + (narrow - 1) * up), top * up), (radius * 0.18, 0.04, 0.08), "glass")
        )
    return parts


def tree(draw: Random) -> list[Part]:
    """A conifer, a round crown, a palm, or bare branches with tufts."""
    trunk = draw.uniform(0.25, 0.6)
    thick = draw.uniform(0.05, 0.11)
    kind = draw.randrange(4)
    if kind == 0:
        parts = [Part(frustum(0.8), (0, 0, trunk / 2), (thick, thick, trunk / 2 + 0.05), "bark")]
        count, radius, up = draw.randrange(2, 6), draw.uniform(0.3, 0.55), trunk
        for index in range(count):
            size, half = radius * (1 - 0.75 * index / count), draw.uniform(0.17, 0.26)
            parts.append(
                Part(
                    frustum(0.05),
                    (0, 0, up + half),
                    (size, size, half),
                    "leaf",
                    section=draw.choice(("circle", "star")),
                )
            )
            up += half * 1.1
        return parts
    if kind == 1:
        return _palm(draw, trunk * 2, thick * 0.8)
    parts = [rod((0, 0, 0), (0, 0, trunk * 2), thick, "bark", top=0.6)]
    spread = draw.uniform(0.2, 0.5)
    for index in range(draw.randrange(3, 8)):
        angle = index * 2.4
        end = (spread * math.cos(angle), spread * math.sin(angle), trunk * 2 + draw.uniform(-0.05, 0.45))
        size = draw.uniform(0.2, 0.34) * (0.6 if kind == 3 else 1.0)
        parts += [
            rod((0, 0, trunk * 1.3), end, thick * 0.45, "bark", top=0.5),
            ball(end, (size, size, size * 0.8), "leaf"),
        ]
    if kind == 2:
        parts.append(ball((0, 0, trunk * 2 + 0.25), (spread + 0.1, spread + 0.1, 0.32), "leaf"))
        if chance(draw, 0.3):
            parts += [
                ball(
                    (
                        spread * math.cos(k * 1.3) * 1.15,
                        spread * math.sin(k * 1.3) * 1.15,
                        trunk * 2 + 0.1 * (k % 3),
                    ),
                    cube(0.06),
                    "red",
                )
                for k in range(6)
            ]
    return parts


def _palm(draw: Random, tall: Number, thick: Number) -> list[Part]:
    half = tall / 2
    bend = draw.uniform(-0.7, 0.7)
    parts = [Part(rope(thick / half, 0.7), (0, 0, half), (half, half, half), "bark", bend=bend)]
    # Where the bent trunk ends.
    x, z = (
        (half * 2 / bend * (1 - math.cos(bend / 2)), half + half * 2 / bend * math.sin(bend / 2))
        if bend
        else (0.0, tall)
    )
    return parts + _fronds(draw, (x, 0.0, z), draw.randrange(6, 10), draw.uniform(0.25, 0.4))


def _fronds(draw: Random, at: Vector, count: int, half: Number) -> list[Part]:
    """Leaves that leave a point to all sides and hang."""
    parts = []
    blade = ((0, -1), (0.1, -0.95), (0.26, -0.2), (0.2, 0.4), (0.02, 1), (0, 1))
    droop = draw.uniform(0.7, 1.6)
    for index in range(count):
        angle = 2 * math.pi * index / count + draw.uniform(-0.2, 0.2)
        rise = draw.uniform(0.1, 0.5)
        flat = half * math.cos(rise) * 0.9
        place = (at[0] + flat * math.cos(angle), at[1] + flat * math.sin(angle), at[2] + half * 0.35)
        # The profile's axis points outwards and bends down; y is across the leaf before it is turned.
        parts.append(
            Part(
                blade,
                place,
                (half, half, half),
                "leaf",
                turn=(0, math.pi / 2 - rise * 0.3, angle),
                bend=droop,
                section="flat",
            )
        )
    return parts


def potted_plant(draw: Random) -> list[Part]:
    """A pot with hanging leaves, a bush, or upright blades."""
    radius, tall = draw.uniform(0.2, 0.32), draw.uniform(0.15, 0.3)
    outline = ((draw.uniform(0.6, 0.9), -1), (0.95, 0.7), (1.05, 0.72), (1.05, 1))
    parts = [
        Part(
            hollow(outline, 0.12),
            (0, 0, tall),
            (radius, radius, tall),
            draw.choice(("brick", "main", "white")),
        ),
        disc((0, 0, tall * 1.75), radius * 0.92, 0.03, "earth"),
    ]
    kind = draw.randrange(3)
    if kind == 0:
        return parts + _fronds(draw, (0, 0, 2 * tall), draw.randrange(6, 11), draw.uniform(0.25, 0.4))
    for index in range(draw.randrange(5, 10)):
        angle, high = index * 2.4, draw.uniform(0.3, 0.8)
        lean = draw.uniform(0.05, 0.4)
        end = (lean * math.cos(angle), lean * math.sin(angle), 2 * tall + high)
        if kind == 1:
            size = draw.uniform(0.1, 0.18)
            parts += [
                rod((0, 0, 1.7 * tall), end, 0.015, "leaf"),
                ball(end, (size, size, size * 0.6), draw.choice(("leaf", "leaf", "accent"))),
            ]
        else:
            parts.append(
                Part(
                    frustum(0.1),
                    (end[0] / 2, end[1] / 2, 1.7 * tall + high / 2),
                    (0.08, 0.025, high / 2),
                    "leaf",
                    turn=(0, lean, angle),
                    section="lens",
                )
            )
    return parts


def cactus(draw: Random) -> list[Part]:
    """A ribbed column with arms that turn upwards, in a pot or not."""
    radius, tall = draw.uniform(0.12, 0.22), draw.uniform(0.45, 0.7)
    parts = [Part(rounded(0.35), (0, 0, tall), (radius, radius, tall), "leaf", section="ribs")]
    for side in (-1, 1):
        if chance(draw, 0.75):
            up, thin, half = tall * draw.uniform(0.7, 1.3), radius * 0.6, draw.uniform(0.17, 0.26)
            reach = radius + half * 0.8
            high = draw.uniform(0.1, 0.25)
            parts += [
                Part(CYLINDER, (side * reach / 2, 0, up), (reach / 2, thin, thin), "leaf", axis="x"),
                ball((side * reach, 0, up), (thin, thin, thin), "leaf"),
                Part(
                    rounded(0.4),
                    (side * reach, 0, up + high),
                    (thin, thin, high + thin),
                    "leaf",
                    section="ribs",
                ),
            ]
    if chance(draw, 0.6):
        pot = draw.uniform(0.12, 0.2)
        parts += [
            Part(
                frustum(1.3), (0, 0, 0), (radius * 1.25, radius * 1.25, pot), draw.choice(("brick", "main"))
            ),
            disc((0, 0, pot), radius * 1.75, 0.035, "brick"),
        ]
    if chance(draw, 0.4):
        parts.append(ball((0, 0, 2 * tall), (0.08, 0.08, 0.06), "accent"))
    return parts


def mushroom(draw: Random) -> list[Part]:
    """One or three, caps spotted or plain."""
    parts = []
    cap = draw.choice(("red", "main", "wood"))
    count = draw.choice((1, 1, 3))
    if count > 1:
        parts.append(ball((0, 0, 0), (0.6, 0.42, 0.06), "earth"))
    for index in range(count):
        share = 1.0 if index == 0 else draw.uniform(0.4, 0.7)
        x, y = (0.0, 0.0) if index == 0 else ((index - 1.5) * 0.9, draw.uniform(-0.25, 0.25))
        tall, wide = draw.uniform(0.22, 0.45) * share, draw.uniform(0.3, 0.55) * share
        high = wide * draw.uniform(0.5, 1.0)
        stem = ((0, -1), (1.0, -1), (0.7, 0), (0.65, 1), (0, 1))
        parts += [
            Part(stem, (x, y, tall), (wide * 0.33, wide * 0.33, tall), "white", is_smooth=True),
            Part(DOME, (x, y, tall * 1.8), (wide, wide, high), cap),
            Part(frustum(0.6), (x, y, tall * 1.78), (wide * 0.94, wide * 0.94, -wide * 0.08), "straw"),
        ]
        for spot in range(draw.choice((0, 7))):
            angle, rise = spot * 2.4, 0.25 + 0.17 * spot
            flat = wide * math.cos(rise)
            at = (x + flat * math.cos(angle), y + flat * math.sin(angle), tall * 1.8 + high * math.sin(rise))
            parts.append(ball(at, (wide * 0.12, wide * 0.12, wide * 0.09), "white"))
    return parts


PLACES = (house, house, tower, tree, potted_plant, cactus, mushroom)
