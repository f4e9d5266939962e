"""Vehicles, their noses towards -Y: cars, vans, trucks, buses, planes and boats."""

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
    disc,
    frustum,
    mirrored,
    ring,
    rod,
    soft_box,
)


def _wheels(x: Number, places: tuple[float, ...], radius: Number, thick: Number) -> list[Part]:
    """Tyres with hubs at both sides."""
    parts = []
    for y in places:
        parts.append(disc((x, y, radius), radius, thick, "dark", axis="x"))
        parts.append(disc((x + thick * 0.3, y, radius), radius * 0.55, thick, "metal", axis="x"))
    return mirrored(parts)


def _lights(width: Number, front: Number, back: Number, up: Number) -> list[Part]:
    """White ones ahead, red ones behind."""
    size = 0.07 * width / 0.45
    return mirrored(
        [
            disc((width * 0.75, front, up), size, 0.03, "lit", axis="y"),
            box((width * 0.8, back, up), (size, 0.03, size * 0.6), "red"),
        ]
    )


def car(draw: Random) -> list[Part]:
    """A low bonnet ahead, a slanting windscreen, a boot or a steep back."""
    width, length = draw.uniform(0.42, 0.55), draw.uniform(0.85, 1.3)
    high, radius = draw.uniform(0.13, 0.2), draw.uniform(0.15, 0.24)
    body = radius * 0.75 + high
    top = body + high
    low = soft_box if chance(draw, 0.6) else box
    parts = [low((0, 0, body), (width, length, high), "main")]
    parts += _cabin(draw, width, length, top)
    parts += _wheels(width * 0.92, (-length * 0.62, length * 0.62), radius, 0.08)
    parts += _lights(width, -length, length, body + high * 0.25)
    bumper = draw.choice(("metal", "dark", "main"))
    for y in (-length, length):
        parts.append(box((0, y, body - high * 0.65), (width * 0.97, 0.05, high * 0.22), bumper))
    parts.append(box((0, -length, body + high * 0.1), (width * 0.4, 0.025, high * 0.3), "dark"))
    return parts


def _cabin(draw: Random, width: Number, length: Number, top: Number) -> list[Part]:
    """Glass all around, a roof on it and pillars; steep behind if the car has no boot."""
    has_boot = chance(draw, 0.5)
    half = length * (draw.uniform(0.4, 0.5) if has_boot else draw.uniform(0.55, 0.65))
    tall = draw.uniform(0.13, 0.24)
    middle = length * 0.1 if has_boot else length - half - 0.04
    narrow = draw.uniform(0.68, 0.85)
    wide = width * 0.92
    # The frustum is as steep ahead as behind; leaning it back makes the screen flat and the back steep.
    lean = draw.uniform(0.0, 0.15) if has_boot else half * (1 - narrow) / (2 * tall)
    roof = (0, middle + lean * tall, top + 2 * tall)
    parts = [
        Part(
            frustum(narrow),
            (0, middle, top + tall),
            (wide, half, tall),
            "glass",
            section="square",
            lean=(0, lean),
        )
    ]
    if chance(draw, 0.08):
        # An open one: only the windscreen stands, with two seats.
        screen = box(
            (0, middle - half * 0.8, top + tall * 0.6), (wide, 0.02, tall * 0.6), "glass", lean=(0, 0.5)
        )
        return [
            screen,
            *mirrored([soft_box((wide * 0.45, middle, top), (wide * 0.35, 0.12, tall * 0.9), "second")]),
        ]
    parts.append(box(roof, (wide * narrow * 1.03, half * narrow * 1.03, 0.025), "main"))
    for y in (-1.0, 1.0, draw.uniform(-0.2, 0.2)):
        start = (wide * 0.99, middle + y * half * 0.98 - lean * tall, top)
        end = (wide * narrow, middle + y * half * narrow + lean * tall, top + 2 * tall)
        parts += mirrored([rod(start, end, 0.028, "main")])
    return parts


def van(draw: Random) -> list[Part]:
    """A tall body with a short nose and a big screen."""
    width, length, tall = draw.uniform(0.42, 0.52), draw.uniform(0.85, 1.2), draw.uniform(0.36, 0.52)
    radius = draw.uniform(0.16, 0.21)
    nose = draw.uniform(0.12, 0.35)
    low = radius * 0.8
    lower = tall * 0.5
    top = low + 2 * tall
    upper = (top - low - 2 * lower) / 2 + 0.02
    parts = [
        box((0, 0, low + lower), (width, length, lower), "main"),
        box(
            (0, nose / 2, top - upper),
            (width, length - nose / 2, upper),
            draw.choice(("main", "second", "white")),
        ),
    ]
    screen = -length + nose
    parts.append(box((0, screen, top - upper), (width * 0.88, 0.025, upper * 0.75), "glass"))
    side = [box((width, screen + 0.22, top - upper), (0.02, 0.15, upper * 0.6), "glass")]
    if chance(draw, 0.5):
        count = draw.randrange(2, 4)
        room = (2 * length - nose - 0.5) / count
        for index in range(count):
            y = screen + 0.45 + room * (index + 0.5)
            side.append(box((width, y, top - upper), (0.02, room * 0.42, upper * 0.6), "glass"))
    parts += mirrored(side)
    parts.append(box((0, length, top - upper), (width * 0.8, 0.02, upper * 0.6), "glass"))
    parts += _wheels(width * 0.93, (-length * 0.65, length * 0.6), radius, 0.08)
    return parts + _lights(width, -length, length, low + lower)


def bus(draw: Random) -> list[Part]:
    """A long box with a row of windows, a door at one side and a sign ahead."""
    width, length, tall = draw.uniform(0.38, 0.48), draw.uniform(1.2, 1.9), draw.uniform(0.42, 0.6)
    radius = 0.17
    low = radius * 0.9
    middle = low + tall
    up = middle + tall * 0.35
    body = soft_box if chance(draw, 0.3) else box
    parts = [body((0, 0, middle), (width, length, tall), "main")]
    parts.append(box((0, 0, middle - tall * 0.55), (width * 1.01, length * 1.005, tall * 0.12), "second"))
    count = draw.randrange(4, 8)
    each = length * 0.94 / count
    for index in range(count):
        y = -length * 0.94 + (2 * index + 1) * each
        parts += mirrored([box((width, y, up), (0.02, each * 0.84, tall * 0.38), "glass")])
    parts += [
        box((0, -length, up - tall * 0.1), (width * 0.9, 0.025, tall * 0.5), "glass"),
        box((0, length, up), (width * 0.7, 0.02, tall * 0.35), "glass"),
        box((width, -length * 0.8, middle - tall * 0.2), (0.03, length * 0.09, tall * 0.75), "dark"),
    ]
    if chance(draw, 0.6):
        parts.append(box((0, -length - 0.005, middle + tall * 0.85), (width * 0.6, 0.03, tall * 0.1), "lit"))
    parts += _wheels(width * 0.94, (-length * 0.6, length * 0.55), radius, 0.07)
    return parts + _lights(width, -length, length, middle - tall * 0.7)


def truck(draw: Random) -> list[Part]:
    """A cab ahead; behind it a box, a tank, a flat bed or a heap in a tray."""
    width, radius = draw.uniform(0.42, 0.5), draw.uniform(0.16, 0.22)
    cab, load = draw.uniform(0.25, 0.38), draw.uniform(0.6, 1.1)
    tall = draw.uniform(0.35, 0.5)
    low = radius * 1.2
    front = -(cab + load)
    has_nose = chance(draw, 0.35)
    nose = draw.uniform(0.15, 0.25) if has_nose else 0.0
    screen = (0, front, low + tall * 1.35)
    parts = [
        box((0, nose * -0.5, low), (width * 0.8, cab + load + nose * 0.5, 0.06), "dark"),
        box((0, front + cab, low + tall), (width, cab, tall), "main"),
        box(screen, (width * 0.88, 0.025, tall * 0.4), "glass"),
        *mirrored(
            [box((width, front + cab * 0.8, low + tall * 1.35), (0.02, cab * 0.6, tall * 0.35), "glass")]
        ),
    ]
    if has_nose:
        parts.append(box((0, front - nose, low + tall * 0.45), (width * 0.8, nose, tall * 0.45), "main"))
    if chance(draw, 0.4):
        parts += mirrored([disc((width + 0.03, front + 2 * cab, low + tall), 0.04, tall * 1.25, "metal")])
    parts.append(box((0, front - 2 * nose, low + tall * 0.4), (width * 0.5, 0.03, tall * 0.2), "metal"))
    parts += _load(draw, (0, cab, low), (width, load * 0.96, tall))
    rear = (cab + load * 0.35, cab + load * 0.35 + 2.2 * radius)
    places = (front + cab * 0.9 - nose, *(rear if chance(draw, 0.5) else rear[:1]))
    parts += _wheels(width * 0.92, places, radius, 0.09)
    return parts + _lights(width, front - 2 * nose, cab + load, low + 0.06)


def _load(draw: Random, at: Vector, half: Vector) -> list[Part]:
    x, y, z = at
    width, length, tall = half
    kind = draw.randrange(4)
    if kind == 0:
        high = tall * draw.uniform(1.0, 1.5)
        return [
            box(
                (x, y, z + high + 0.05),
                (width * 1.05, length, high),
                draw.choice(("second", "white", "main")),
            )
        ]
    if kind == 1:
        tank = (width * 0.95, length, width * 0.85)
        return [Part(CYLINDER, (x, y, z + width * 0.9), tank, draw.choice(("metal", "second")), axis="y")]
    side = tall * draw.uniform(0.2, 0.6)
    name = draw.choice(("second", "wood", "main"))
    parts = mirrored([box((width, y, z + side), (0.03, length, side), name)])
    parts += [box((x, y + s * length, z + side), (width, 0.03, side), name) for s in (-1, 1)]
    parts.append(box((x, y, z + 0.05), (width, length, 0.04), name))
    if kind == 3:
        parts.append(ball((x, y, z + side * 1.5), (width * 0.9, length * 0.9, side * 1.2), "earth"))
    return parts


def plane(draw: Random) -> list[Part]:
    """A fuselage, swept wings, a tail with a fin, and engines or a propeller."""
    length, radius = draw.uniform(0.8, 1.3), draw.uniform(0.1, 0.19)
    span, chord = draw.uniform(0.7, 1.3), draw.uniform(0.14, 0.26)
    sweep, up = draw.uniform(-0.05, 0.5), draw.choice((-0.5, 0.0, 0.8)) * radius
    nose = ((0, -1), (0.45, -0.94), (0.85, -0.8), (1, -0.6), (1, 0.3), (0.7, 0.7), (0.15, 1), (0, 1))
    tail = length * 0.88
    size = draw.uniform(0.3, 0.45)
    wing = (0.02, chord, span / 2)
    is_jet = chance(draw, 0.5)
    parts = [Part(nose, (0, 0, 0), (radius, length, radius), "main", axis="y", is_smooth=True)]
    sides = [
        Part(
            frustum(0.45),
            (span / 2, sweep * span / 2, up),
            wing,
            "second",
            section="square",
            turn=(0, math.pi / 2, 0),
            lean=(0, sweep),
        ),
        Part(
            frustum(0.5),
            (size / 2, tail, radius * 0.2),
            (0.015, chord * 0.6, size / 2),
            "second",
            section="square",
            turn=(0, math.pi / 2, 0),
            lean=(0, sweep),
        ),
    ]
    if is_jet:
        hang = (span * 0.38, sweep * span * 0.38 - chord * 0.7, up - 0.07)
        sides.append(Part(frustum(0.7), hang, (0.065, 0.14, 0.065), "metal", axis="y"))
        sides += [
            ball((radius * 0.93, -length * 0.6 + 0.14 * k, radius * 0.3), (0.02, 0.035, 0.035), "glass")
            for k in range(7)
        ]
    parts += mirrored(sides)
    parts.append(
        Part(
            frustum(0.5),
            (0, tail + 0.12, radius + 0.13),
            (0.015, chord * 0.65, 0.17),
            draw.choice(("second", "accent")),
            section="square",
            lean=(0, 0.5),
        )
    )
    if is_jet:
        return [*parts, ball((0, -length * 0.83, radius * 0.5), (radius * 0.6, 0.1, radius * 0.35), "glass")]
    blade = draw.uniform(0.22, 0.35)
    turn = (0.0, draw.uniform(0, math.pi), 0.0)
    parts += [
        ball((0, -length, 0), (0.05, 0.09, 0.05), "accent"),
        box((0, -length - 0.03, 0), (blade, 0.012, 0.035), "dark", turn=turn),
        ball((0, -length * 0.25, radius * 0.9), (radius * 0.6, 0.22, radius * 0.6), "glass"),
    ]
    gear = (0.2, -length * 0.45, -radius - 0.12)
    return parts + mirrored(
        [disc(gear, 0.08, 0.03, "dark", axis="x"), rod(gear, (0.05, -length * 0.45, 0), 0.018, "metal")]
    )


def boat(draw: Random) -> list[Part]:
    """A hull pointed ahead, with a sail, or a cabin and a funnel, or benches."""
    width, length, tall = draw.uniform(0.22, 0.4), draw.uniform(0.8, 1.2), draw.uniform(0.12, 0.22)
    hull = ((0, -1), (draw.uniform(0.5, 0.8), -1), (1, 1), (0, 1))
    half = (width, length, tall)
    parts = [
        Part(hull, (0, 0, 0), half, "main", section="lens"),
        Part(
            CYLINDER,
            (0, 0, tall),
            (width * 1.04, length * 1.02, 0.035),
            draw.choice(("wood", "second", "white")),
            section="lens",
        ),
        # The stern is square.
        box((0, length * 0.55, tall * 0.1), (width * 0.62, length * 0.3, tall * 0.9), "main"),
    ]
    kind = draw.randrange(3)
    if kind == 0:
        high = draw.uniform(0.7, 1.1)
        sail = (0.012, length * 0.35, high * 0.42)
        parts += [
            rod((0, -0.1, tall), (0, -0.1, tall + 2 * high), 0.025, "wood"),
            rod((0, -length * 0.9, tall), (0, -0.1, tall + 1.7 * high), 0.012, "dark"),
            rod((0, -0.1, tall + 0.2), (0, length * 0.75, tall + 0.2), 0.02, "wood"),
            Part(
                frustum(0.03),
                (0, -0.07 + length * 0.36, tall + 0.22 + sail[2]),
                sail,
                draw.choice(("white", "second")),
                section="square",
                lean=(0, -length * 0.35 / sail[2] / 2),
            ),
        ]
        jib = (0.012, length * 0.25, high * 0.35)
        parts.append(
            Part(
                frustum(0.03),
                (0, -length * 0.45, tall + 0.12 + jib[2]),
                jib,
                "white",
                section="square",
                lean=(0, length * 0.1 / jib[2]),
            )
        )
    elif kind == 1:
        cabin = draw.uniform(0.12, 0.2)
        parts += [
            box((0, 0.1, tall + cabin), (width * 0.6, length * 0.35, cabin), "white"),
            box((0, 0.1, tall + cabin * 1.3), (width * 0.62, length * 0.36, cabin * 0.3), "glass"),
            box((0, 0.1, tall + 2 * cabin), (width * 0.68, length * 0.4, 0.025), "second"),
            Part(CYLINDER, (0, 0.2, tall + 2 * cabin + 0.14), (0.09, 0.09, 0.14), "accent"),
            Part(CYLINDER, (0, 0.2, tall + 2 * cabin + 0.27), (0.095, 0.095, 0.04), "dark"),
        ]
    else:
        for y in (-0.3, 0.05, 0.4):
            parts.append(box((0, y * length, tall + 0.06), (width * 0.75, 0.06, 0.03), "wood"))
        parts += mirrored(
            [rod((width * 0.6, 0, tall + 0.08), (width * 2.2, -0.2, -tall * 0.3), 0.02, "wood")]
        )
    if chance(draw, 0.25):
        parts += mirrored(
            [Part(ring(0.25), (width * 0.85, 0.2, tall * 0.4), (0.1, 0.1, 0.1), "red", axis="x")]
        )
    return parts


VEHICLES = (car, car, van, bus, truck, plane, boat)
