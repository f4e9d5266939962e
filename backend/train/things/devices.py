"""Devices, their faces towards -Y: clocks, cameras, radios, phones."""

import math
from random import Random

from backend.train.things.parts import (
    DOME,
    Part,
    box,
    chance,
    disc,
    frustum,
    mirrored,
    ring,
    rod,
    soft_box,
)


def clock(draw: Random) -> list[Part]:
    """The face with its hands towards -Y; an alarm clock has feet and bells."""
    radius, thick = draw.uniform(0.4, 0.5), draw.uniform(0.06, 0.2)
    frame = draw.choice(("main", "wood", "metal"))
    is_round = chance(draw, 0.7)
    front = -thick - 0.01
    case = (
        disc((0, 0, 0), radius, thick, frame, axis="y")
        if is_round
        else box((0, 0, 0), (radius, thick, radius), frame)
    )
    parts = [
        case,
        disc((0, -0.02, 0), radius * 0.87, thick, draw.choice(("white", "white", "second")), axis="y"),
    ]
    for hour in range(0, 12, draw.choice((1, 3))):
        angle = math.pi * hour / 6
        at = (radius * 0.74 * math.sin(angle), front - 0.02, radius * 0.74 * math.cos(angle))
        parts.append(box(at, (0.014, 0.012, 0.045), "dark", turn=(0, angle, 0)))
    for long, wide in ((0.42, 0.025), (0.62, 0.016)):
        angle = draw.uniform(0, 2 * math.pi)
        half = radius * long / 2
        at = (half * math.sin(angle), front - 0.03, half * math.cos(angle))
        parts.append(box(at, (wide, 0.012, half), "dark", turn=(0, angle, 0)))
    if chance(draw, 0.5):
        parts += mirrored(
            [rod((radius * 0.5, 0, -radius * 0.7), (radius * 0.75, 0, -radius * 1.15), 0.04, frame)]
        )
        if is_round and chance(draw, 0.6):
            parts += mirrored(
                [Part(DOME, (radius * 0.5, 0, radius * 0.9), (0.17, 0.17, 0.15), "metal", turn=(0, 0.5, 0))]
            )
    return parts


def camera(draw: Random) -> list[Part]:
    """The lens towards -Y, a finder and a button above."""
    wide, deep, tall = draw.uniform(0.42, 0.55), draw.uniform(0.12, 0.22), draw.uniform(0.24, 0.36)
    lens, long = tall * draw.uniform(0.6, 0.85), draw.uniform(0.08, 0.3)
    x = draw.choice((0.0, 0.0, draw.uniform(-0.15, 0.15)))
    body = draw.choice(("dark", "dark", "main"))
    parts = [
        draw.choice((box, soft_box))((0, 0, 0), (wide, deep, tall), body),
        box((0, 0, -tall * 0.1), (wide * 1.01, deep * 1.02, tall * 0.55), draw.choice(("dark", "second"))),
        disc((x, -deep - long, -0.02), lens, long, draw.choice(("dark", "metal")), axis="y"),
        Part(ring(0.12), (x, -deep - 2 * long, -0.02), (lens, lens * 0.6, lens), "metal", axis="y"),
        disc((x, -deep - 2 * long, -0.02), lens * 0.72, 0.02, "glass", axis="y"),
        Part(frustum(0.7), (0, 0, tall + 0.06), (wide * 0.32, deep * 0.9, 0.08), body, section="square"),
        disc((wide * 0.65, 0, tall + 0.03), 0.06, 0.04, draw.choice(("metal", "red"))),
        disc((-wide * 0.7, 0, tall + 0.03), 0.09, 0.04, "metal"),
    ]
    if chance(draw, 0.5):
        parts.append(box((wide * 0.7, -deep, tall * 0.7), (0.08, 0.025, 0.05), "lit"))
    return parts


def radio(draw: Random) -> list[Part]:
    """Loudspeakers, knobs and a scale towards -Y; a handle or an aerial."""
    wide, deep, tall = draw.uniform(0.4, 0.7), draw.uniform(0.13, 0.22), draw.uniform(0.24, 0.4)
    front = -deep - 0.015
    parts = [draw.choice((box, soft_box))((0, 0, 0), (wide, deep, tall), draw.choice(("wood", "main")))]
    cone = tall * 0.62
    if chance(draw, 0.5):
        parts += mirrored(
            [
                disc((wide * 0.58, front, -tall * 0.2), cone * 0.8, 0.03, "dark", axis="y"),
                disc((wide * 0.58, front - 0.03, -tall * 0.2), cone * 0.3, 0.02, "metal", axis="y"),
            ]
        )
        parts.append(box((0, front, -tall * 0.2), (wide * 0.18, 0.03, tall * 0.3), "second"))
    else:
        parts.append(disc((-wide * 0.48, front, 0), cone, 0.03, draw.choice(("dark", "second")), axis="y"))
        for up in (-0.45, 0.1):
            parts.append(disc((wide * 0.5, front - 0.03, up * tall), tall * 0.2, 0.04, "metal", axis="y"))
    parts.append(
        box(
            (wide * 0.1, front, tall * 0.68), (wide * 0.75, 0.025, tall * 0.15), draw.choice(("white", "lit"))
        )
    )
    if chance(draw, 0.5):
        up = tall + draw.uniform(0.1, 0.2)
        parts += mirrored(
            [box((wide * 0.7, 0, (tall + up) / 2), (0.03, 0.04, (up - tall) / 2 + 0.02), "dark")]
        )
        parts.append(box((0, 0, up), (wide * 0.73, 0.05, 0.03), "dark"))
    if chance(draw, 0.5):
        parts.append(
            rod(
                (wide * 0.8, deep * 0.6, tall),
                (wide * draw.uniform(0.3, 1.4), deep, tall + 0.7),
                0.015,
                "metal",
            )
        )
    return parts


def phone(draw: Random) -> list[Part]:
    """A slab with a screen, or one with keys and an aerial."""
    wide, tall, deep = draw.uniform(0.2, 0.3), draw.uniform(0.45, 0.6), draw.uniform(0.03, 0.06)
    body = draw.choice(("dark", "main", "white"))
    front = -deep - 0.01
    if chance(draw, 0.5):
        lens = [
            disc((wide * 0.6, deep, tall * (0.82 - 0.2 * k)), 0.05, 0.025, "dark", axis="y")
            for k in range(draw.randrange(1, 4))
        ]
        screen = box(
            (0, front, 0), (wide * 0.92, 0.012, tall * 0.93), draw.choice(("glass", "second", "dark"))
        )
        return [box((0, 0, 0), (wide, deep, tall), body), screen, *lens]
    deep = draw.uniform(0.06, 0.12)
    front = -deep - 0.01
    parts = [
        soft_box((0, 0, 0), (wide, deep, tall), body),
        box((0, front, tall * 0.5), (wide * 0.75, 0.025, tall * 0.27), "lit"),
        disc((wide * 0.65, 0, tall + 0.1), 0.04, 0.17, "dark"),
    ]
    for row in range(4):
        for column in (-1, 0, 1):
            at = (column * wide * 0.5, front, tall * (0.02 - 0.2 * row))
            parts.append(soft_box(at, (wide * 0.19, 0.03, tall * 0.07), "second"))
    return parts


DEVICES = (clock, camera, radio, phone)
