"""The kernel that finds charts a place on a sheet of bits.

64 cells of a row are one word; the first cell is its lowest bit.
"""

# Warp reads kernel arguments from annotations that are values, not types; `int(...)` declares a variable that
# changes in a loop.
# pyright: reportInvalidTypeForm=false
# ruff: noqa: RUF046, UP018

from typing import no_type_check

import warp as wp


@wp.func
@no_type_check
def _top_bit(value: wp.uint64) -> int:
    """Number of the highest bit that is set."""
    top = int(0)
    rest = value
    for step in range(6):
        width = 32 >> step
        if rest >> wp.uint64(width) != wp.uint64(0):
            rest = rest >> wp.uint64(width)
            top = top + width
    return top


@wp.func
@no_type_check
def _last(sheet: wp.array(dtype=wp.uint64), flip: wp.uint64, line: int, low: int, high: int) -> int:
    """The last taken cell of a row between two cells, both included; -1 where all are free.

    With all bits of `flip` set it is the last free one.
    """
    word = high >> 6
    while word >= (low >> 6):
        value = sheet[line + word] ^ flip
        if word == (high >> 6):
            drop = wp.uint64(63 - (high & 63))
            value = (value << drop) >> drop
        if word == (low >> 6):
            skip = wp.uint64(low & 63)
            value = (value >> skip) << skip
        if value != wp.uint64(0):
            return word * 64 + _top_bit(value)
        word = word - 1
    return -1


@wp.func
@no_type_check
def _is_free(
    sheet: wp.array(dtype=wp.uint64),
    line: int,
    bits: wp.array(dtype=wp.uint64),
    first: int,
    wide: int,
    x: int,
) -> bool:
    """Whether none of the cells of one row of a chart is taken."""
    shift = wp.uint64(x & 63)
    start = line + (x >> 6)
    for k in range(wide):
        mask = bits[first + k]
        if (sheet[start + k] & (mask << shift)) != wp.uint64(0):
            return False
        over = mask >> (wp.uint64(64) - shift)
        if shift != wp.uint64(0) and (sheet[start + k + 1] & over) != wp.uint64(0):
            return False
    return True


@wp.func
@no_type_check
def _longest_gap(sheet: wp.array(dtype=wp.uint64), line: int, side: int) -> int:
    """Length of the longest run of free cells of a row."""
    longest = int(0)
    end = int(side)
    while end > longest:
        taken = _last(sheet, wp.uint64(0), line, 0, end - 1)
        longest = wp.max(longest, end - 1 - taken)
        end = int(0)
        if taken >= 0:
            end = _last(sheet, ~wp.uint64(0), line, 0, taken) + 1
    return longest


@wp.func
@no_type_check
def _take(
    sheet: wp.array(dtype=wp.uint64),
    words: int,
    thick: wp.array(dtype=wp.uint64),
    first: int,
    height: int,
    wide: int,
    x: int,
    y: int,
) -> None:
    """Mark the cells of a chart and the gap around it."""
    shift = wp.uint64(x & 63)
    for i in range(height):
        line = (y + i) * words + (x >> 6)
        for k in range(wide):
            mask = thick[first + i * wide + k]
            sheet[line + k] = sheet[line + k] | (mask << shift)
            if shift != wp.uint64(0):
                sheet[line + k + 1] = sheet[line + k + 1] | (mask >> (wp.uint64(64) - shift))


@wp.func
@no_type_check
def _has_room(
    room: wp.array(dtype=int), shape: wp.array2d(dtype=int), run: wp.array2d(dtype=int), entry: int, y: int
) -> bool:
    """Whether every row's longest run of cells is no longer than the longest gap at a height."""
    row = int(shape[entry, 5])
    for _ in range(shape[entry, 0]):
        at = shape[entry, 4] + row
        if run[at, 1] - run[at, 0] > room[y + row]:
            return False
        row = row + shape[entry, 6]
        if row >= shape[entry, 0]:
            row = row - shape[entry, 0]
    return True


@wp.func
@no_type_check
def _free_column(
    sheet: wp.array(dtype=wp.uint64),
    words: int,
    side: int,
    shape: wp.array2d(dtype=int),
    run: wp.array2d(dtype=int),
    bits: wp.array(dtype=wp.uint64),
    entry: int,
    y: int,
) -> int:
    """The first column where a chart fits at a height; -1 where there is none."""
    x = int(0)
    fitting = int(0)
    row = int(shape[entry, 5])
    while x + shape[entry, 1] <= side:
        at = shape[entry, 4] + row
        line = (y + row) * words
        further = int(x)
        if run[at, 1] > run[at, 0]:
            # No place is free that has the last taken cell under the row's longest run of cells.
            taken = _last(sheet, wp.uint64(0), line, x + run[at, 0], x + run[at, 1] - 1)
            if taken >= 0:
                further = taken + 1 - run[at, 0]
            elif run[at, 2] == 0:
                first = shape[entry, 3] + row * shape[entry, 2]
                if not _is_free(sheet, line, bits, first, shape[entry, 2], x):
                    further = x + 1
        if further > x:
            # The row that was in the way is looked at first at the next place.
            x = further
            fitting = int(0)
        else:
            fitting = fitting + 1
            if fitting == shape[entry, 0]:
                return x
            row = row + shape[entry, 6]
            if row >= shape[entry, 0]:
                row = row - shape[entry, 0]
    return -1


@wp.kernel
@no_type_check
def place_charts(
    count: int,
    turns: int,
    side: int,
    words: int,
    order: wp.array(dtype=int),
    shape: wp.array2d(dtype=int),
    run: wp.array2d(dtype=int),
    bits: wp.array(dtype=wp.uint64),
    thick: wp.array(dtype=wp.uint64),
    bucket: wp.array(dtype=int),
    hint: wp.array(dtype=int),
    room: wp.array(dtype=int),
    sheet: wp.array(dtype=wp.uint64),
    place: wp.array2d(dtype=int),
) -> None:
    """Give every chart, in `order`, the lowest free place; turn -1 stays where there is none."""
    # `shape` has for each chart and turn: height, width, words a row, first word of `bits` and `thick`, which
    # hold its cells and those with the gap around it, with room for the gap at all sides; first row of `run`,
    # the row with its longest run, and the step in which its rows are looked at: neighbours say the same.
    # `run` has for each row its longest run's first cell and the cell after its last, and whether it is the
    # only one. `room` has the longest gap of each row of the sheet.
    for row in range(side):
        room[row] = side
    for number in range(count):
        chart = order[number]
        lowest = int(1 << 30)
        for turn in range(turns):
            entry = chart * turns + turn
            y = int(hint[bucket[chart] * turns + turn])
            x = int(-1)
            while x < 0 and y + shape[entry, 0] <= side and y + shape[entry, 0] < lowest:
                if _has_room(room, shape, run, entry, y):
                    x = _free_column(sheet, words, side, shape, run, bits, entry, y)
                if x < 0:
                    y = y + 1
            if x >= 0:
                lowest = y + shape[entry, 0]
                place[chart, 0] = turn
                place[chart, 1] = x
                place[chart, 2] = y
        if place[chart, 0] < 0:
            return
        best = chart * turns + place[chart, 0]
        hint[bucket[chart] * turns + place[chart, 0]] = place[chart, 2]
        _take(
            sheet,
            words,
            thick,
            shape[best, 3],
            shape[best, 0],
            shape[best, 2],
            place[chart, 1],
            place[chart, 2],
        )
        for row in range(place[chart, 2], place[chart, 2] + shape[best, 0]):
            room[row] = _longest_gap(sheet, row * words, side)
