"""Creatures that look towards -Y: quadrupeds, birds, fish, people and robots."""

import math
from random import Random

from backend.train.things.parts import (
    CYLINDER,
    Number,
    Part,
    Vector,
    ball,
    box,
    chance,
    cube,
    disc,
    frustum,
    mirrored,
    rod,
    rope,
    rounded,
    soft_box,
)


def quadruped(draw: Random) -> list[Part]:
    """Cats, dogs, horses, cows, elephants and what lies between them."""
    width, length = draw.uniform(0.17, 0.34), draw.uniform(0.38, 0.65)
    tall, leg = draw.uniform(0.17, 0.32), draw.uniform(0.2, 0.6)
    thick = draw.uniform(0.04, 0.1)
    chest = leg + tall
    parts = [Part(rounded(draw.uniform(0.5, 1.0)), (0, 0, chest), (width, length, tall), "main", axis="y")]
    x, y = width * 0.65, length * 0.68
    limb = [
        rod((x, s * y, 0.0), (x, s * y, chest), thick, "main", top=draw.uniform(1.0, 1.6)) for s in (-1, 1)
    ]
    hoof = draw.choice(("main", "dark", "second"))
    limb += [
        ball((x, s * y - thick * 0.4, thick * 0.5), (thick * 1.2, thick * 1.6, thick * 0.7), hoof)
        for s in (-1, 1)
    ]
    neck = draw.choice((draw.uniform(0.05, 0.2), draw.uniform(0.2, 0.6)))
    size = draw.uniform(0.16, 0.26)
    reach = -length - draw.uniform(0.02, 0.2)
    head = (0.0, reach, chest + tall * 0.5 + neck)
    parts.append(rod((0, -length * 0.7, chest + tall * 0.2), head, size * 0.75, "main", top=0.8))
    parts += mirrored(limb) + _head(draw, head, size) + _tail(draw, length, chest + tall * 0.3)
    if chance(draw, 0.35):
        parts.append(
            ball((0, -length * 0.1, chest - tall * 0.25), (width * 0.85, length * 0.8, tall * 0.85), "second")
        )
    return parts


def _head(draw: Random, at: Vector, size: Number) -> list[Part]:
    """A skull with a snout or trunk, eyes, ears and perhaps horns."""
    x, y, z = at
    skull = ball(at, (size * draw.uniform(0.8, 1.05), size * draw.uniform(0.9, 1.2), size), "main")
    snout = _snout(draw, at, size)
    eye = ball(
        (x + size * 0.42, y - size * 0.82, z + size * 0.28), (size * 0.13, size * 0.12, size * 0.15), "dark"
    )
    side = [eye, _ear(draw, at, size)]
    if chance(draw, 0.2):
        side.append(_horn(draw, at, size))
    return [skull, *snout, *mirrored(side)]


def _snout(draw: Random, at: Vector, size: Number) -> list[Part]:
    """What lies ahead of a skull, with a trunk or a nose at its end."""
    x, y, z = at
    long = draw.uniform(0.3, 1.0) * size
    muzzle = draw.choice(("main", "second"))
    middle = (x, y - size * 0.7 - long * 0.5, z - size * 0.3)
    if chance(draw, 0.12):
        half, turn = size * 1.6, (0, math.pi, math.pi / 2)
        place = (x, y - size * 1.35, z - size * 1.5)
        end = Part(rope(0.2, 0.5), place, (half, half, half), "main", turn=turn, bend=0.7)
    else:
        tip = (x, middle[1] - long * 0.9, middle[2] + size * 0.12)
        end = ball(tip, (size * 0.17, size * 0.13, size * 0.13), "dark")
    return [ball(middle, (size * 0.52, long, size * 0.45), muzzle), end]


def _ear(draw: Random, at: Vector, size: Number) -> Part:
    """The right ear: pointed, hanging, round or long."""
    x, y, z = at
    kind = draw.randrange(4)
    tall = draw.uniform(0.3, 0.55) * size
    if kind == 0:
        tip, half = (x + size * 0.55, y, z + size + tall * 0.4), (size * 0.32, size * 0.15, tall)
        return Part(frustum(0.05), tip, half, "main", turn=(0, 0.25, 0))
    if kind == 1:
        beside = (x + size * 0.9, y + size * 0.1, z + size * 0.1)
        return ball(beside, (size * 0.18, size * 0.35, tall * 1.5), "second", turn=(0, -0.3, 0))
    if kind == 2:
        return ball((x + size * 0.7, y, z + size * 0.8), (size * 0.36, size * 0.16, size * 0.36), "main")
    above = (x + size * 0.4, y + size * 0.1, z + size + tall)
    return ball(above, (size * 0.2, size * 0.12, tall * 1.6), "main", turn=(0, 0.2, 0))


def _horn(draw: Random, at: Vector, size: Number) -> Part:
    """The right horn."""
    x, y, z = at
    half = size * draw.uniform(0.5, 1.0)
    place = (x + size * 0.6 + half * 0.5, y, z + size * 0.7 + half * 0.8)
    return Part(rope(0.14, 0.2), place, (half, half, half), "horn", turn=(0, 0.5, 0), bend=-1.2)


def _tail(draw: Random, length: Number, up: Number) -> list[Part]:
    half = draw.uniform(0.08, 0.35)
    thin = draw.uniform(0.03, 0.07) / half
    lift = draw.uniform(-1.1, 0.9)
    at = (0.0, length + half * math.cos(lift) * 0.85, up + half * math.sin(lift))
    tail = Part(
        rope(thin, 0.6),
        at,
        (half, half, half),
        "main",
        axis="y",
        turn=(lift, 0, 0),
        bend=draw.uniform(-1.5, 1.5),
    )
    if chance(draw, 0.2):
        return [ball((0, length * 1.02, up), (0.08, 0.08, 0.08), "second")]
    return [tail]


def bird(draw: Random) -> list[Part]:
    """Perched or wings spread; a beak ahead, a fan of a tail behind."""
    width, length, tall = draw.uniform(0.2, 0.32), draw.uniform(0.34, 0.5), draw.uniform(0.2, 0.3)
    leg = draw.uniform(0.12, 0.5)
    tilt = -draw.uniform(0.1, 0.9)
    up = leg + tall
    parts = [ball((0, 0, up), (width, length, tall), "main", turn=(tilt, 0, 0))]
    reach, rise = length * math.cos(tilt), -length * math.sin(tilt)
    size = draw.uniform(0.13, 0.22)
    neck = draw.choice((0.0, 0.05, draw.uniform(0.1, 0.45)))
    head = (0.0, -reach * 0.85, up + rise * 0.9 + size * 0.5 + neck)
    parts += [
        rod((0, -reach * 0.6, up + rise * 0.4), head, size * 0.8, "main", top=0.75),
        ball(head, (size, size, size), draw.choice(("main", "second"))),
    ]
    beak = draw.uniform(0.08, 0.28)
    parts.append(
        Part(
            frustum(0.05),
            (0, head[1] - size * 0.85 - beak * 0.7, head[2]),
            (size * 0.36, -beak, size * 0.3),
            "beak",
            axis="y",
        )
    )
    parts.append(
        box((0, reach + 0.1, up - rise - 0.02), (width * 0.5, 0.2, 0.025), "second", turn=(tilt, 0, 0))
    )
    side = [ball((size * 0.72, head[1] - size * 0.55, head[2] + size * 0.25), cube(size * 0.17), "dark")]
    foot = draw.choice(("beak", "dark"))
    side += [
        rod((width * 0.4, 0, 0), (width * 0.4, 0, up), 0.022, foot),
        box((width * 0.4, -0.05, 0.01), (0.07, 0.11, 0.015), foot),
    ]
    if chance(draw, 0.3):
        span = draw.uniform(0.4, 0.7)
        side.append(
            ball(
                (width * 0.6 + span * 0.8, 0.03, up + 0.1),
                (span, length * 0.45, 0.03),
                "second",
                turn=(0, -draw.uniform(0, 0.5), 0.2),
            )
        )
    else:
        side.append(
            ball((width * 0.93, 0.06, up), (0.05, length * 0.8, tall * 0.65), "second", turn=(tilt, 0, 0))
        )
    return parts + mirrored(side)


def fish(draw: Random) -> list[Part]:
    """Swimming towards -Y."""
    width, length, tall = draw.uniform(0.1, 0.25), draw.uniform(0.5, 0.8), draw.uniform(0.18, 0.42)
    shape = ((0, -1), (0.5, -0.85), (0.95, -0.35), (0.95, 0.1), (0.5, 0.6), (0.15, 0.95), (0, 1))
    parts = [Part(shape, (0, 0, 0), (width, length, tall), "main", axis="y", is_smooth=True)]
    fin = draw.choice(("second", "second", "accent"))
    high = draw.uniform(0.12, 0.3)
    parts += [
        Part(
            frustum(0.5),
            (0, 0, tall * 0.85 + high / 2),
            (0.02, length * 0.4, high / 2 + 0.04),
            fin,
            section="square",
            lean=(0, 0.6),
        ),
        Part(frustum(1.5), (0, length + 0.08, 0.12), (0.02, 0.1, 0.14), fin, section="square", lean=(0, 0.8)),
        Part(
            frustum(1.5), (0, length + 0.08, -0.12), (0.02, 0.1, -0.14), fin, section="square", lean=(0, -0.8)
        ),
    ]
    side = [
        ball((width * 0.6, -length * 0.68, tall * 0.22), (0.05, 0.06, 0.06), "dark"),
        ball((width * 1.05, -length * 0.05, -tall * 0.3), (0.02, 0.16, 0.08), fin, turn=(0.4, 0, 0.5)),
    ]
    return parts + mirrored(side)


def person(draw: Random) -> list[Part]:
    """Standing, arms down, apart or ahead; hair, perhaps a hat."""
    leg, torso, head = draw.uniform(0.3, 0.5), draw.uniform(0.24, 0.36), draw.uniform(0.13, 0.26)
    wide, deep = draw.uniform(0.15, 0.24), draw.uniform(0.09, 0.15)
    hip = 2 * leg
    shoulder = hip + 2 * torso
    parts = [soft_box((0, 0, hip + torso), (wide, deep, torso), "main")]
    neck = shoulder + head * 0.9
    parts += [
        disc((0, 0, shoulder), head * 0.4, head * 0.4, "skin"),
        ball((0, 0, neck), (head * 0.88, head * 0.92, head), "skin"),
    ]
    parts.append(ball((0, -head * 0.95, neck - head * 0.1), (head * 0.13, head * 0.18, head * 0.18), "skin"))
    thick = wide * 0.44
    step = draw.uniform(-0.18, 0.18)
    for side in (-1, 1):
        foot = (side * wide * 0.55, side * step, 0.03)
        parts += [
            rod(foot, (side * wide * 0.5, 0, hip + 0.05), thick * 0.8, "second", top=1.25),
            soft_box((foot[0], foot[1] - 0.06, 0.04), (thick, 0.15, 0.06), "dark"),
        ]
    apart, ahead = draw.uniform(0.05, 0.6), draw.choice((0.0, 0.0, draw.uniform(0.0, 0.5)))
    hand = (wide + apart, -ahead, shoulder - 0.08 - math.sqrt(max(0.05, 0.42 - apart**2 - ahead**2)))
    sleeve = draw.choice(("main", "skin"))
    side = [
        rod((wide * 0.95, 0, shoulder - 0.08), hand, thick * 0.75, sleeve, top=0.7),
        ball(hand, cube(thick * 0.75), "skin"),
    ]
    side.append(ball((head * 0.34, -head * 0.82, neck + head * 0.12), cube(head * 0.1), "dark"))
    parts += mirrored(side)
    if chance(draw, 0.25):
        parts.append(Part(frustum(1.7), (0, 0, hip), (wide * 1.9, wide * 1.6, -leg * 0.55), "main"))
    return parts + _hair(draw, neck, head)


def _hair(draw: Random, up: Number, head: Number) -> list[Part]:
    if chance(draw, 0.25):
        brim = disc((0, 0, up + head * 0.55), head * 1.5, 0.02, "accent")
        return [
            brim,
            Part(frustum(0.8), (0, 0, up + head * 0.95), (head * 0.9, head * 0.9, head * 0.45), "accent"),
        ]
    hair = ball((0, head * 0.16, up + head * 0.2), (head * 0.97, head * 0.95, head * 0.97), "hair")
    if chance(draw, 0.35):
        return [
            hair,
            soft_box((0, head * 0.6, up - head * 0.5), (head * 0.8, head * 0.4, head * 1.0), "hair"),
        ]
    return [hair]


def robot(draw: Random) -> list[Part]:
    """Of boxes and cylinders, with lit eyes and an aerial."""
    wide, deep, torso = draw.uniform(0.22, 0.38), draw.uniform(0.15, 0.26), draw.uniform(0.2, 0.36)
    leg, head = draw.uniform(0.12, 0.35), draw.uniform(0.13, 0.24)
    hip = 2 * leg
    shoulder = hip + 2 * torso
    body = draw.choice((box, soft_box))
    up = shoulder + head * 1.2
    parts = [
        body((0, 0, hip + torso), (wide, deep, torso), "main"),
        box(
            (0, -deep, hip + torso * 1.1), (wide * 0.6, 0.025, torso * 0.5), draw.choice(("second", "metal"))
        ),
        disc((0, 0, shoulder), head * 0.4, head * 0.4, "dark"),
        draw.choice((box, soft_box, ball))(
            (0, 0, up), (head * draw.uniform(0.9, 1.4), head, head), draw.choice(("main", "metal"))
        ),
        rod((0, 0, up), (0, 0, up + head * 1.8), 0.018, "metal"),
        ball((0, 0, up + head * 1.8), cube(0.045), "red"),
        box((0, -head, up - head * 0.5), (head * 0.5, 0.025, head * 0.1), "dark"),
    ]
    parts += [
        disc((wide * x, -deep - 0.02, hip + torso * 1.15), 0.04, 0.02, name, axis="y")
        for x, name in ((-0.3, "red"), (0.0, "lit"), (0.3, "accent"))
    ]
    hand = (wide + 0.17, -draw.uniform(0.0, 0.25), hip + torso * draw.uniform(0.1, 0.9))
    top = (wide + 0.07, 0.0, shoulder - 0.1)
    side = [
        disc((head * 0.45, -head, up + head * 0.2), head * 0.24, 0.03, "lit", axis="y"),
        ball(top, (0.1, 0.1, 0.1), "metal"),
        rod(top, hand, 0.055, draw.choice(("metal", "dark"))),
        box(hand, (0.08, 0.08, 0.08), "second"),
        rod(
            (wide * 0.5, 0, 0.05),
            (wide * 0.5, 0, hip + 0.02),
            0.075,
            "metal",
            section=draw.choice(("circle", "square")),
        ),
        box((wide * 0.5, -0.05, 0.05), (0.11, 0.17, 0.06), draw.choice(("main", "dark"))),
    ]
    if chance(draw, 0.25):
        side[-2:] = [Part(CYLINDER, (wide * 0.7, 0, leg), (0.1, deep * 1.5, leg), "dark", axis="x")]
    return parts + mirrored(side)


CREATURES = (quadruped, quadruped, bird, fish, person, robot)
