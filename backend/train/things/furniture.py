"""Furniture: chairs, tables, shelves, beds, sofas and lamps."""

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
    disc,
    frustum,
    legs,
    mirrored,
    ring,
    rod,
    rope,
    soft_box,
)

FRAMES = ("wood", "wood", "metal", "main", "dark")


def chair(draw: Random) -> list[Part]:
    """With a back behind; some with arms, some on one foot."""
    width, depth, height = draw.uniform(0.38, 0.55), draw.uniform(0.38, 0.55), draw.uniform(0.6, 1.1)
    frame, cover = draw.choice(FRAMES), draw.choice(("main", "second", "wood"))
    thick = draw.uniform(0.03, 0.1)
    on_foot = chance(draw, 0.2)
    parts = _foot(draw, height, frame) if on_foot else legs(draw, width, depth, height, frame)
    seat = soft_box if chance(draw, 0.5) else box
    parts.append(seat((0, 0, height), (width, depth, thick), cover))
    tall, lean = draw.uniform(0.4, 0.85), draw.uniform(0.0, 0.25)
    parts += _back(draw, (width, depth, height), tall, lean, (frame, cover))
    if chance(draw, 0.35):
        up = draw.uniform(0.25, 0.45)
        x = width + 0.02
        parts += mirrored(
            [
                rod((x, -depth * 0.7, height), (x, -depth * 0.7, height + up), 0.04, frame),
                box((x, 0.02, height + up), (0.06, depth, 0.035), frame),
            ]
        )
    return parts


def _back(draw: Random, seat: Vector, tall: Number, lean: Number, colours: tuple[str, str]) -> list[Part]:
    width, depth, height = seat
    frame, cover = colours
    y = depth - 0.05
    middle = height + tall

    def across(share: Number, thick: Number) -> Part:
        up = 2 * tall * share
        return box((0, y + lean * up, height + up), (width, 0.04, thick), frame, lean=(0, lean))

    kind = draw.randrange(3)
    if kind == 0:
        panel = soft_box if chance(draw, 0.5) else box
        turn = (-math.atan(lean), 0.0, 0.0)
        size = (width, draw.uniform(0.03, 0.09), tall)
        return [panel((0, y + lean * tall, middle), size, cover, turn=turn)]
    parts = mirrored(
        [box((width - 0.04, y + lean * tall, middle), (0.04, 0.04, tall), frame, lean=(0, lean))]
    )
    if kind == 1:
        return parts + [across(share, 0.07) for share in (0.35, 0.65, 0.93)]
    count = draw.randrange(2, 6)
    for index in range(count):
        x = width * (2 * (index + 1) / (count + 1) - 1)
        parts.append(box((x, y + lean * tall, middle), (0.025, 0.025, tall), frame, lean=(0, lean)))
    return [*parts, across(0.95, 0.08)]


def _foot(draw: Random, height: Number, colour: str) -> list[Part]:
    """One column on a plate or on a star of arms with castors."""
    column = disc((0, 0, height / 2), draw.uniform(0.04, 0.09), height / 2, "metal")
    if chance(draw, 0.5):
        return [column, Part(frustum(0.4), (0, 0, 0.03), (0.42, 0.42, 0.04), colour)]
    parts = [column]
    for index in range(5):
        x, y = 0.45 * math.cos(index * 0.4 * math.pi), 0.45 * math.sin(index * 0.4 * math.pi)
        parts += [
            rod((0, 0, 0.12), (x, y, 0.1), 0.045, colour),
            ball((x, y, 0.05), (0.06, 0.06, 0.06), "dark"),
        ]
    return parts


def stool(draw: Random) -> list[Part]:
    """A round or square seat with legs or one foot."""
    width, height = draw.uniform(0.3, 0.45), draw.uniform(0.6, 1.4)
    frame = draw.choice(FRAMES)
    parts = _foot(draw, height, frame) if chance(draw, 0.35) else legs(draw, width, width, height, frame)
    thick = draw.uniform(0.03, 0.12)
    cover = draw.choice(("main", "second", "wood"))
    if chance(draw, 0.6):
        parts.append(disc((0, 0, height), width * 1.1, thick, cover))
    else:
        parts.append(box((0, 0, height), (width, width, thick), cover))
    if chance(draw, 0.5):
        parts.append(Part(ring(0.08), (0, 0, height * 0.35), (width, width, width), frame))
    return parts


def table(draw: Random) -> list[Part]:
    """Round ones, long ones, and desks with drawers that open to the front."""
    width, depth, height = draw.uniform(0.5, 1.3), draw.uniform(0.4, 0.7), draw.uniform(0.4, 1.0)
    frame, top = draw.choice(FRAMES), draw.choice(("wood", "wood", "main", "glass"))
    thick = draw.uniform(0.02, 0.07)
    if chance(draw, 0.3):
        column = Part(frustum(draw.uniform(0.4, 1.2)), (0, 0, height / 2), (0.12, 0.12, height / 2), frame)
        base = Part(frustum(0.3), (0, 0, 0.05), (depth * 0.7, depth * 0.7, 0.06), frame)
        return [column, base, disc((0, 0, height), depth * 1.2, thick, top)]
    parts = legs(draw, width, depth, height, frame)
    parts.append(box((0, 0, height + thick), (width, depth, thick), top))
    if chance(draw, 0.5):
        parts.append(box((0, 0, height - 0.06), (width * 0.88, depth * 0.85, 0.07), frame))
    if chance(draw, 0.4):
        side = draw.choice((-1, 1)) * width * 0.6
        tall = draw.uniform(0.3, 0.9) * height / 2
        half = (width * 0.3, depth * 0.88, tall)
        parts += _drawers(draw, (side, 0, height - tall), half, draw.choice(("wood", "second")))
    return parts


def _drawers(draw: Random, at: Vector, half: Vector, colour: str) -> list[Part]:
    """A block of drawers with knobs or bars towards -Y."""
    x, y, z = at
    count = draw.randrange(1, 5)
    each = half[2] / count
    has_knobs = chance(draw, 0.5)
    front = y - half[1]
    parts = [box(at, half, colour)]
    for index in range(count):
        up = z - half[2] + (2 * index + 1) * each
        parts.append(box((x, front, up), (half[0] * 0.92, 0.03, each * 0.86), "main"))
        handle = (0.035, 0.035, 0.035) if has_knobs else (half[0] * 0.35, 0.025, 0.02)
        parts.append((ball if has_knobs else box)((x, front - 0.05, up), handle, "metal"))
    return parts


def shelf(draw: Random) -> list[Part]:
    """Open to the front, with a back wall, boards and books."""
    width, depth, tall = draw.uniform(0.4, 1.0), draw.uniform(0.15, 0.35), draw.uniform(0.5, 1.3)
    thick = draw.uniform(0.02, 0.05)
    colour = draw.choice(("wood", "wood", "main", "white"))
    parts = mirrored([box((width, 0, tall), (thick, depth, tall), colour)])
    if chance(draw, 0.7):
        parts.append(box((0, depth - thick, tall), (width, thick, tall), draw.choice((colour, "second"))))
    count = draw.randrange(2, 6)
    boards = [tall * 2 * index / count for index in range(count + 1)]
    parts += [box((0, 0, up), (width, depth, thick), colour) for up in boards]
    room = 2 * tall / count - 2 * thick
    for up in boards[:-1]:
        x = -width + thick * 2
        while chance(draw, 0.75) and x < width * 0.7 and len(parts) < 26:
            half, high = draw.uniform(0.02, 0.09), room * draw.uniform(0.5, 0.95) / 2
            name = draw.choice(("main", "second", "accent", "red", "white"))
            parts.append(box((x + half, 0, up + thick + high), (half, depth * 0.75, high), name))
            x += 2 * half
    return parts


def cabinet(draw: Random) -> list[Part]:
    """Doors or drawers with knobs towards -Y, on legs or a plinth."""
    width, depth, tall = draw.uniform(0.35, 1.0), draw.uniform(0.25, 0.5), draw.uniform(0.35, 1.1)
    colour = draw.choice(("wood", "wood", "main", "white"))
    foot = draw.uniform(0.06, 0.35)
    parts = legs(draw, width, depth, foot, draw.choice(FRAMES))
    if chance(draw, 0.4):
        parts = [box((0, 0.02, foot / 2), (width * 0.95, depth * 0.92, foot / 2), "dark")]
    middle = foot + tall
    if chance(draw, 0.35):
        return parts + _drawers(draw, (0, 0, middle), (width, depth, tall), colour)
    parts.append(box((0, 0, middle), (width, depth, tall), colour))
    doors = 1 if width < 0.45 else draw.randrange(2, 4)
    each = width / doors
    face = draw.choice((colour, "second", "glass"))
    for index in range(doors):
        x = -width + (2 * index + 1) * each
        parts.append(box((x, -depth, middle), (each * 0.9, 0.03, tall * 0.92), face))
        side = 1 if index % 2 == 0 else -1
        parts.append(ball((x + side * each * 0.7, -depth - 0.06, middle), (0.035, 0.035, 0.035), "metal"))
    if chance(draw, 0.5):
        parts.append(box((0, 0, middle + tall), (width * 1.05, depth * 1.05, 0.04), colour))
    return parts


def bed(draw: Random) -> list[Part]:
    """The head is behind; the foot faces the viewer."""
    width, length, height = draw.uniform(0.4, 0.95), draw.uniform(0.95, 1.15), draw.uniform(0.2, 0.4)
    frame = draw.choice(("wood", "wood", "metal", "second"))
    deep = draw.uniform(0.08, 0.16)
    top = height + 2 * deep
    parts = legs(draw, width, length, height, frame)
    parts += [
        box((0, 0, height), (width + 0.03, length, 0.06), frame),
        soft_box((0, 0, height + deep), (width, length * 0.98, deep), "white"),
        soft_box((0, -length * 0.25, top - deep * 0.5), (width * 1.05, length * 0.75, deep * 0.8), "main"),
        box((0, length, height + 0.25), (width + 0.04, 0.04, draw.uniform(0.3, 0.55)), frame),
    ]
    if chance(draw, 0.6):
        parts.append(box((0, -length, height + 0.05), (width + 0.04, 0.04, draw.uniform(0.1, 0.25)), frame))
    pillow = soft_box((width * 0.48, length * 0.72, top + 0.03), (width * 0.4, 0.2, 0.09), "white")
    wide = soft_box((0, length * 0.72, top + 0.03), (width * 0.75, 0.2, 0.09), "white")
    return parts + (mirrored([pillow]) if width > 0.6 else [wide])


def sofa(draw: Random) -> list[Part]:
    """Seat cushions, a back behind and two arms."""
    seats = draw.randrange(1, 4)
    each, depth, height = draw.uniform(0.28, 0.36), draw.uniform(0.4, 0.5), draw.uniform(0.16, 0.26)
    width = seats * each
    arm, tall = draw.uniform(0.07, 0.15), draw.uniform(0.35, 0.55)
    foot = draw.uniform(0.05, 0.15)
    parts = legs(draw, width + arm, depth, foot, draw.choice(("wood", "metal", "dark")))
    parts += [
        box((0, 0, foot + height * 0.6), (width, depth * 0.95, height * 0.6), "main"),
        soft_box((0, depth, foot + tall * 0.95), (width + arm, 0.13, tall), "main", turn=(-0.12, 0, 0)),
    ]
    high = height + draw.uniform(0.08, 0.18)
    parts += mirrored([soft_box((width + arm, 0, foot + high), (arm, depth, high), "main")])
    cushion = draw.choice(("main", "second"))
    for index in range(seats):
        x = -width + (2 * index + 1) * each
        parts.append(soft_box((x, -0.05, foot + height * 1.35), (each, depth * 0.95, 0.09), cushion))
    if chance(draw, 0.5):
        x = draw.choice((-1, 1)) * width * 0.6
        parts.append(
            soft_box((x, depth * 0.55, foot + height * 2), (0.17, 0.07, 0.17), "accent", turn=(-0.4, 0, 0))
        )
    return parts


def lamp(draw: Random) -> list[Part]:
    """On a table or the floor, with a straight stem or one that bends towards the viewer."""
    tall = draw.choice((draw.uniform(0.5, 0.9), draw.uniform(1.2, 2.2)))
    shade = draw.uniform(0.25, 0.45)
    frame = draw.choice(FRAMES)
    parts = [Part(frustum(draw.uniform(0.3, 1.0)), (0, 0, 0.04), (shade * 0.8, shade * 0.8, 0.05), frame)]
    if tall < 1 and chance(draw, 0.4):
        body = draw.choice((ball, soft_box))
        parts.append(body((0, 0, tall * 0.4), (0.2, 0.2, tall * 0.4), "main"))
    parts.append(disc((0, 0, tall / 2), draw.uniform(0.02, 0.05), tall / 2, frame))
    high = draw.uniform(0.15, 0.3)
    if chance(draw, 0.3):
        # An arm in a half circle, and a shade that hangs from it.
        reach = draw.uniform(0.25, 0.4)
        half = reach * math.pi / 2
        parts.append(
            Part(
                rope(0.03 / half),
                (0, -reach, tall + reach),
                (half, half, half),
                frame,
                axis="y",
                bend=-math.pi,
            )
        )
        hang = (0, -2 * reach, tall - high * 0.5)
        parts += [Part(DOME, hang, (shade * 0.8, shade * 0.8, high), "second")]
        return [*parts, ball((0, -2 * reach, tall - high * 0.5), (0.09, 0.09, 0.09), "lit")]
    profile = draw.choice((CYLINDER, frustum(draw.uniform(0.4, 0.8))))
    section = draw.choice(("circle", "circle", "square", "hexagon"))
    parts.append(
        Part(
            profile,
            (0, 0, tall + high * 0.7),
            (shade, shade, high),
            draw.choice(("second", "lit")),
            section=section,
        )
    )
    return parts


FURNITURE = (chair, chair, stool, table, shelf, cabinet, bed, sofa, lamp)
