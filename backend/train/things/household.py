"""Vessels and small things of the house: bottles, vases, jars, mugs, teapots, pans, hats, fruit."""

import math
from random import Random

from backend.train.things.parts import (
    CYLINDER,
    DOME,
    Number,
    Part,
    Profile,
    ball,
    chance,
    cube,
    disc,
    frustum,
    hollow,
    mirrored,
    ring,
    rod,
    rope,
    rounded,
)


def _handle(x: Number, up: Number, reach: Number, thin: Number, colour: str) -> Part:
    """A half torus at the right, `reach` its radius."""
    half = reach * math.pi / 2
    return Part(rope(thin / half), (x + reach, 0, up), (half, half, half), colour, bend=-math.pi)


def bottle(draw: Random) -> list[Part]:
    """With a shoulder, a neck, a cap and a label."""
    tall, neck = draw.uniform(0.6, 1.1), draw.uniform(0.25, 0.5)
    radius = draw.uniform(0.2, 0.4)
    low, high = draw.uniform(-0.1, 0.4), draw.uniform(0.5, 0.75)
    body: Profile = ((0, -1), (0.9, -1), (1, -0.93), (1, low), (neck, high), (neck, 0.97), (0, 1))
    section = draw.choice(("circle", "circle", "circle", "soft", "hexagon"))
    glass = draw.choice(("main", "main", "glass", "leaf"))
    cap = disc(
        (0, 0, tall * 0.98),
        radius * neck * 1.15,
        tall * draw.uniform(0.04, 0.13),
        draw.choice(("accent", "dark", "metal", "wood")),
    )
    parts = [Part(body, (0, 0, 0), (radius, radius, tall), glass, section=section), cap]
    if chance(draw, 0.7):
        half = tall * (low + 0.8) / 2 * draw.uniform(0.5, 0.95)
        at = (0, 0, tall * (low - 0.9) / 2)
        parts.append(
            Part(
                CYLINDER,
                at,
                (radius * 1.015, radius * 1.015, half),
                draw.choice(("second", "white")),
                section=section,
            )
        )
    return parts


def vase(draw: Random) -> list[Part]:
    """Hollow, of any outline, some with two handles, some with flowers."""
    radius, tall = draw.uniform(0.25, 0.5), draw.uniform(0.3, 0.7)
    outline = tuple((draw.uniform(0.3, 1.0), z) for z in (-1, -0.4, 0.2, 0.7, 1))
    wall = draw.uniform(0.06, 0.1)
    parts = [Part(hollow(outline, wall), (0, 0, 0), (radius, radius, tall), "main", is_smooth=True)]
    if chance(draw, 0.25):
        reach = tall * 0.25
        parts += mirrored([_handle(radius * 0.72, tall * 0.4, reach, 0.035, "main")])
    if chance(draw, 0.3):
        for _ in range(draw.randrange(2, 7)):
            x, y = draw.uniform(-0.4, 0.4), draw.uniform(-0.4, 0.4)
            end = (x, y, tall + draw.uniform(0.3, 0.8))
            parts += [
                rod((0, 0, 0), end, 0.018, "leaf"),
                ball(end, (0.12, 0.12, 0.08), draw.choice(("second", "accent", "red"))),
            ]
    return parts


def jar(draw: Random) -> list[Part]:
    """A wide body with a lid and a knob, or a tin."""
    radius, tall = draw.uniform(0.3, 0.5), draw.uniform(0.25, 0.55)
    is_round = chance(draw, 0.5)
    profile = rounded(draw.uniform(0.3, 0.7)) if is_round else CYLINDER
    section = draw.choice(("circle", "circle", "soft", "hexagon"))
    lid = draw.choice(("second", "metal", "wood", "main"))
    share = 0.8 if is_round else 1.03
    parts = [
        Part(profile, (0, 0, 0), (radius, radius, tall), draw.choice(("main", "glass")), section=section),
        Part(
            frustum(0.85),
            (0, 0, tall),
            (radius * share, radius * share, draw.uniform(0.04, 0.12)),
            lid,
            section=section,
        ),
    ]
    if chance(draw, 0.5):
        parts.append(ball((0, 0, tall + 0.14), (0.09, 0.09, 0.09), lid))
    if chance(draw, 0.4) and not is_round:
        parts.append(
            Part(CYLINDER, (0, 0, 0), (radius * 1.015, radius * 1.015, tall * 0.6), "white", section=section)
        )
    return parts


def mug(draw: Random) -> list[Part]:
    """Hollow, the handle at the right or turned towards the viewer's other side."""
    radius, tall = draw.uniform(0.3, 0.45), draw.uniform(0.3, 0.55)
    foot = draw.uniform(0.6, 1.0)
    outline = ((foot, -1), (draw.uniform(0.85, 1.0), -0.2), (1, 1))
    colour = draw.choice(("main", "main", "white", "metal"))
    reach = tall * draw.uniform(0.45, 0.65)
    handle = _handle(
        radius * (0.9 + foot) / 2 - 0.02,
        tall * 0.05,
        reach,
        draw.uniform(0.035, 0.06),
        draw.choice((colour, colour, "second")),
    )
    parts = [
        Part(hollow(outline, draw.uniform(0.06, 0.12)), (0, 0, 0), (radius, radius, tall), colour),
        handle,
    ]
    if chance(draw, 0.5):
        parts.append(disc((0, 0, tall * 0.7), radius * 0.87, 0.02, "earth"))
    if chance(draw, 0.4):
        band = disc(
            (0, 0, draw.uniform(-0.1, 0.3) * tall), radius * 1.01, tall * draw.uniform(0.05, 0.25), "second"
        )
        parts.append(band)
    return parts


def teapot(draw: Random) -> list[Part]:
    """A spout at the left, a handle at the right, a lid with a knob."""
    radius, tall = draw.uniform(0.35, 0.45), draw.uniform(0.28, 0.42)
    spout = draw.uniform(0.22, 0.32)
    return [
        Part(rounded(draw.uniform(0.5, 1.0)), (0, 0, 0), (radius, radius, tall), "main"),
        disc((0, 0, -tall * 0.93), radius * 0.6, 0.04, "main"),
        Part(
            rope(0.3, 0.5),
            (-radius - spout * 0.55, 0, tall * 0.2),
            (spout, spout, spout * 1.1),
            "main",
            turn=(0, -0.75, 0),
            bend=draw.uniform(0.0, 1.2),
        ),
        _handle(radius * 0.8, 0.03, tall * 0.65, 0.045, draw.choice(("main", "second", "wood"))),
        Part(
            DOME,
            (0, 0, tall * 0.88),
            (radius * 0.55, radius * 0.55, tall * 0.25),
            draw.choice(("main", "second")),
        ),
        ball((0, 0, tall * 1.2), (0.07, 0.07, 0.07), "second"),
    ]


def pan(draw: Random) -> list[Part]:
    """A pan with one long handle, or a pot with two and a lid."""
    radius = draw.uniform(0.35, 0.5)
    colour = draw.choice(("metal", "dark", "main"))
    if chance(draw, 0.5):
        tall = draw.uniform(0.06, 0.16)
        outline = ((draw.uniform(0.75, 0.95), -1), (1, 1))
        pan = Part(hollow(outline, 0.06), (0, 0, 0), (radius, radius, tall), colour)
        end = radius + draw.uniform(0.4, 0.8)
        handle = rod(
            (radius * 0.95, 0, tall * 0.5), (end, 0, tall + 0.1), 0.04, draw.choice(("dark", "wood", "main"))
        )
        return [pan, handle]
    tall = draw.uniform(0.2, 0.4)
    parts = [Part(hollow(((1, -1), (1, 1)), 0.05), (0, 0, 0), (radius, radius, tall), colour)]
    parts += mirrored(
        [Part(ring(0.22), (radius, 0, tall * 0.6), (0.12, 0.12, 0.12), draw.choice((colour, "dark")))]
    )
    if chance(draw, 0.65):
        lid = Part(
            DOME,
            (0, 0, tall),
            (radius * 1.03, radius * 1.03, draw.uniform(0.05, 0.14)),
            draw.choice((colour, "glass")),
        )
        parts += [lid, ball((0, 0, tall + 0.15), (0.07, 0.07, 0.05), "dark")]
    return parts


def hat(draw: Random) -> list[Part]:
    """A top hat, a straw hat, a cap with its peak ahead, a cone."""
    radius = draw.uniform(0.3, 0.38)
    kind = draw.randrange(4)
    if kind == 0:
        peak = Part(
            CYLINDER,
            (0, -radius * 0.95, 0.02),
            (radius * 0.85, radius * 0.75, 0.02),
            draw.choice(("main", "second")),
        )
        return [
            Part(DOME, (0, 0, 0), (radius, radius * 1.1, radius * 0.85), "main"),
            peak,
            ball((0, 0, radius * 0.85), cube(0.035), "second"),
        ]
    brim = radius * draw.uniform(1.4, 2.0)
    tall = draw.uniform(0.12, 0.3)
    colour = draw.choice(("dark", "main", "straw"))
    crown = (frustum(draw.uniform(0.7, 1.1)), rounded(0.5), frustum(0.03))[kind - 1]
    high = tall * (2 if kind == 3 else 1)
    band = disc((0, 0, 0.06), radius * 1.02, 0.045, draw.choice(("second", "red", "dark")))
    edge = Part(ring(0.06), (0, 0, 0.01), (brim, brim * draw.uniform(0.85, 1.0), 0.2), colour)
    return [
        disc((0, 0, 0), brim * 0.85 if kind == 2 else brim, 0.018, colour),
        Part(crown, (0, 0, high), (radius, radius, high), colour),
        band,
        *([edge] if kind == 1 else []),
    ]


def fruit(draw: Random) -> list[Part]:
    """Apples, pears, pumpkins, bananas, carrots, with stem and leaf."""
    kind = draw.randrange(5)
    stem = rod((0, 0, 0.25), (draw.uniform(-0.06, 0.06), 0.02, 0.25 + draw.uniform(0.2, 0.35)), 0.025, "wood")
    leaf = ball((0.13, 0, 0.47), (0.14, 0.07, 0.02), "leaf", turn=(0, -0.4, draw.uniform(-1, 1)))
    leaves = [leaf] if chance(draw, 0.6) else []
    skin = draw.choice(("fruit", "fruit", "main"))
    wide, tall = draw.uniform(0.34, 0.42), draw.uniform(0.28, 0.4)
    if kind == 0:
        apple = (
            (0, -0.8),
            (0.35, -1),
            (0.8, -0.7),
            (1, 0.1),
            (0.85, 0.75),
            (0.4, 0.95),
            (0.1, 0.7),
            (0, 0.65),
        )
        return [Part(apple, (0, 0, 0), (wide, wide, tall), skin, is_smooth=True), stem, *leaves]
    if kind == 1:
        pear = ((0, -1), (0.6, -0.95), (1, -0.45), (0.75, 0.2), (0.42, 0.6), (0.3, 0.9), (0, 1))
        return [Part(pear, (0, 0, 0), (wide * 0.85, wide * 0.85, 0.42), skin, is_smooth=True), stem, *leaves]
    if kind == 2:
        return [
            Part(rounded(0.7), (0, 0, 0), (wide * 1.3, wide * 1.3, 0.33), "orange", section="ribs"),
            Part(frustum(0.6), (0, 0, 0.4), (0.07, 0.07, 0.12), "leaf", section="ribs", lean=(0.3, 0)),
        ]
    if kind == 3:
        thin = draw.uniform(0.16, 0.22)
        shape = (
            (0, -1),
            (0.06, -1),
            (0.08, -0.85),
            (thin, -0.5),
            (thin, 0.5),
            (0.07, 0.9),
            (0.05, 1),
            (0, 1),
        )
        return [
            Part(
                shape,
                (0, 0, 0),
                (0.5, 0.5, 0.5),
                "yellow",
                axis="x",
                turn=(-math.pi / 2, 0, 0),
                bend=draw.uniform(0.9, 1.7),
                is_smooth=True,
            )
        ]
    parts = [
        Part(DOME, (0, 0, 0), (0.13, 0.13, 0.08), "orange"),
        Part(frustum(0.04), (0, 0, -0.45), (0.13, 0.13, -0.45), "orange"),
    ]
    return parts + [
        rod((0, 0, 0.05), (draw.uniform(-0.2, 0.2), draw.uniform(-0.2, 0.2), 0.5), 0.02, "leaf", top=2.0)
        for _ in range(5)
    ]


HOUSEHOLD = (bottle, vase, jar, mug, mug, teapot, pan, hat, fruit)
