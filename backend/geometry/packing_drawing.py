"""Charts drawn as cells of a sheet, all at once: their outlines, what lies inside, and their quarter turns.

Legend: `c` charts, `t` charts in each of their turns, `w` words of 64 cells, `m` rows of cells, `k` cells.
"""

# Warp reads kernel arguments from annotations that are values, not types; `int(...)` declares a variable that
# changes in a loop.
# pyright: reportInvalidTypeForm=false
# ruff: noqa: RUF046, UP018

from typing import no_type_check

import numpy as np
import warp as wp
from jaxtyping import Int, UInt8

NUM_TURNS = 4
"""Quarter turns in which a chart is tried on the sheet."""


@wp.kernel
@no_type_check
def _fill(box: wp.array2d(dtype=int), start: wp.array(dtype=int), cells: wp.array(dtype=wp.uint8)) -> None:
    """Fill what an outline encloses: all that free cells from the box's rim on do not reach."""
    chart = wp.tid()
    height = box[chart, 0]
    width = box[chart, 1]
    first = start[chart]
    beyond = wp.uint8(2)
    changes = int(1)
    for x in range(width):
        cells[first + x] = beyond
        cells[first + (height - 1) * width + x] = beyond
    for y in range(height):
        cells[first + y * width] = beyond
        cells[first + y * width + width - 1] = beyond
    while changes > 0:
        changes = int(0)
        for y in range(1, height - 1):
            for x in range(1, width - 1):
                at = first + y * width + x
                if cells[at] == wp.uint8(0) and (cells[at - 1] == beyond or cells[at - width] == beyond):
                    cells[at] = beyond
                    changes = changes + 1
        for up in range(1, height - 1):
            for left in range(1, width - 1):
                at = first + (height - 1 - up) * width + width - 1 - left
                if cells[at] == wp.uint8(0) and (cells[at + 1] == beyond or cells[at + width] == beyond):
                    cells[at] = beyond
                    changes = changes + 1


@wp.func
@no_type_check
def _turned(turn: int, rows: int, columns: int, i: int, j: int) -> int:
    """Which cell of a chart lies in row i and column j after a turn."""
    row = int(i)
    column = int(j)
    if turn == 1:
        row = j
        column = columns - 1 - i
    if turn == 2:
        row = rows - 1 - i
        column = columns - 1 - j
    if turn == 3:
        row = rows - 1 - j
        column = i
    return row * columns + column


@wp.func
@no_type_check
def _grown(bits: wp.array(dtype=wp.uint64), line: int, wide: int, k: int, gap: int) -> wp.uint64:
    """A word of cells and of those at most `gap` beside one of them."""
    value = bits[line + k]
    before = wp.uint64(0)
    after = wp.uint64(0)
    if k > 0:
        before = bits[line + k - 1]
    if k + 1 < wide:
        after = bits[line + k + 1]
    grown = value
    for s in range(1, gap + 1):
        near = wp.uint64(s)
        far = wp.uint64(64 - s)
        grown = grown | (value << near) | (value >> near) | (before >> far) | (after << far)
    return grown


@wp.kernel
@no_type_check
def _turn(
    gap: int,
    box: wp.array2d(dtype=int),
    start: wp.array(dtype=int),
    cells: wp.array(dtype=wp.uint8),
    shape: wp.array2d(dtype=int),
    run: wp.array2d(dtype=int),
    bits: wp.array(dtype=wp.uint64),
    thick: wp.array(dtype=wp.uint64),
) -> None:
    """Draw a chart in one of its turns, as `place_charts` wants it; turns as by `np.rot90`."""
    entry = wp.tid()
    chart = entry // 4
    turn = entry - 4 * chart
    height = shape[entry, 0]
    width = shape[entry, 1]
    wide = shape[entry, 2]
    longest = int(0)
    for i in range(height):
        at = shape[entry, 4] + i
        line = shape[entry, 3] + i * wide
        begun = int(0)
        count = int(0)
        for j in range(width):
            cell = cells[start[chart] + _turned(turn, box[chart, 0], box[chart, 1], i, j)]
            if cell == wp.uint8(2):
                begun = j + 1
            else:
                word = line + (j >> 6)
                bits[word] = bits[word] | (wp.uint64(1) << wp.uint64(j & 63))
                if begun == j:
                    count = count + 1
                if j + 1 - begun > run[at, 1] - run[at, 0]:
                    run[at, 0] = begun
                    run[at, 1] = j + 1
        if count == 1:
            run[at, 2] = 1
        best = shape[entry, 4] + longest
        if run[at, 1] - run[at, 0] > run[best, 1] - run[best, 0]:
            longest = i
        for k in range(wide):
            grown = _grown(bits, line, wide, k, gap)
            for step in range(wp.max(-gap, -i), wp.min(gap + 1, height - i)):
                word = line + step * wide + k
                thick[word] = thick[word] | grown
    shape[entry, 5] = longest


def drawn(
    cells: UInt8[np.ndarray, " k"],
    boxes: Int[np.ndarray, "c 2"],
    strides: Int[np.ndarray, "t"],
    *,
    gap: int,
    device: str,
) -> list[wp.array]:
    """The tables `shape`, `run`, `bits` and `thick` of `place_charts`.

    Args:
        cells: 1 on the outlines, chart after chart and row by row, with a gap around each.
        boxes: Rows and columns of each chart, the gaps included.
        strides: For each turn the step in which its rows are looked at.
    """
    sizes = np.stack([boxes, boxes[:, ::-1]], axis=1)
    sizes = np.concatenate([sizes, sizes], axis=1).reshape(-1, 2)
    wide = -(-sizes[:, 1] // 64)
    words, rows = sizes[:, 0] * wide, sizes[:, 0]
    columns = [sizes[:, 0], sizes[:, 1], wide, _before(words), _before(rows), np.zeros_like(rows), strides]
    where = [
        wp.array(np.asarray(values, np.int32), dtype=int, device=device)
        for values in (boxes, _before(boxes.prod(axis=1)))
    ]
    canvas = wp.array(cells, dtype=wp.uint8, device=device)
    shape = wp.array(np.stack(columns, axis=1).astype(np.int32), dtype=int, device=device)
    run = wp.zeros((int(rows.sum()), 3), dtype=int, device=device)
    bits, thick = (wp.zeros(int(words.sum()), dtype=wp.uint64, device=device) for _ in range(2))
    wp.launch(_fill, len(boxes), inputs=where, outputs=[canvas], device=device)
    tables = [shape, run, bits, thick]
    wp.launch(_turn, len(sizes), inputs=[gap, *where, canvas], outputs=tables, device=device)
    return tables


def _before(counts: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """The sum of all counts before each."""
    return np.cumsum(counts) - counts
