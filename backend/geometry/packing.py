"""Packing charts into a square by their outlines, where xatlas packs them loosely.

Charts are drawn as bits on the sheet's own grid and put one after the other, the largest first, into the
first place that is free, in four orientations. Legend: `n` uv vertices, `f` faces, `c` charts.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import warp as wp
from jaxtyping import Bool, Float, Float32, Int
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from backend.geometry import packing_kernel
from backend.geometry.packing_kernel import place_charts
from backend.geometry.warp_start import start_warp

FEW_CHARTS = 100
FEW_GRID, GRID = 512, 1024
"""Cells along a side of the sheet, with few charts and with more; as many as pixels at most."""

GAP_PX = 2
"""Pixels between charts, so that each has one of its own beside it for filtering."""

NUM_ANGLES = 24
"""Turns that are tried for the smallest box around a chart."""

NUM_TURNS = 4
"""Quarter turns in which a chart is tried on the sheet."""

FIRST_FILL, LEAST_FILL, MOST_FILL = 0.66, 0.4, 0.92
"""Shares of the sheet that charts are scaled to: the first one tried, and the ends of the search."""

COARSE_STEP, FINE_STEP = 0.04, 0.02
"""Steps of the search for the largest share."""

NUM_CHANCES, DISORDER = 20, 0.5
"""Orders by chance: that of the boxes' areas, each changed by about this exponent."""

SAMPLES = 3
"""Points an edge is drawn with for each cell of its length."""

BUCKETS = 6
"""Classes of size an octave; a chart is looked for a place from where the last one of its class found one."""


@dataclass(frozen=True, slots=True)
class _Outline:
    """One chart, turned to the smallest box.

    Attributes:
        vertex: Its uv vertices.
        points: Their positions, the box's corner at the origin.
        edges: Ends of its border, as rows of `points`.
    """

    vertex: Int[np.ndarray, " n"]
    points: Float[np.ndarray, "n 2"]
    edges: Int[np.ndarray, "e 2"]


def can_pack() -> bool:
    """Whether warp has code for the CPU, where charts find their places many times faster than elsewhere."""
    start_warp()
    return wp.is_cpu_available()


def get_ready() -> None:
    """Load or compile what `pack` runs on the CPU."""
    start_warp()
    wp.load_module(packing_kernel, device="cpu")


def pack(
    uv: Float[np.ndarray, "n 2"], faces: Int[np.ndarray, "f 3"], *, texture_px: int, device: str = "cpu"
) -> Float32[np.ndarray, "n 2"] | None:
    """Put charts anew into the unit square, all at one scale.

    Args:
        uv: Positions in charts that may lie anywhere, at one scale.
        texture_px: Pixels along the side of the sheet.
        device: Where places are looked for; they are the same on every device.

    Returns:
        Positions in [0, 1]; None where the charts found no place even at `LEAST_FILL`.
    """
    start_warp()
    outlines = _outlines(uv.astype(np.float64), faces)
    corners = uv.astype(np.float64)[faces]
    sides = corners[:, 1:] - corners[:, :1]
    area = float(np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0]).sum() / 2)
    if not area > 0:
        return None
    side = min(texture_px, FEW_GRID if len(outlines) <= FEW_CHARTS else GRID)
    gap = -(-GAP_PX * side // texture_px)
    best, fill, step = None, FIRST_FILL, COARSE_STEP
    highest, lowest = MOST_FILL, 0.0
    while LEAST_FILL <= fill < highest - 1e-6:
        placed = _try(outlines, side * np.sqrt(fill / area), side, gap, device)
        if placed is None:
            highest = fill
        else:
            best, lowest = placed, fill
        if lowest > 0 and highest - lowest <= COARSE_STEP + 1e-6:
            step = FINE_STEP
        fill = lowest + step if lowest > 0 else fill - step
    if best is None:
        return None
    packed = np.zeros((len(uv), 2), np.float32)
    for outline, points in zip(outlines, best, strict=True):
        packed[outline.vertex] = points / side
    return packed.clip(0, 1)


def _outlines(uv: Float[np.ndarray, "n 2"], faces: Int[np.ndarray, "f 3"]) -> list[_Outline]:
    """The charts: faces that share uv vertices."""
    rows, columns = faces[:, [0, 1]].ravel(), faces[:, [1, 2]].ravel()
    graph = coo_array((np.ones(rows.size, dtype=np.int8), (rows, columns)), shape=(len(uv),) * 2)
    _, label = connected_components(graph, directed=False)
    order = np.argsort(label, kind="stable")
    bounds = np.flatnonzero(np.diff(label[order])) + 1
    border = _border(faces)
    edge_label = label[border[:, 0]]
    edge_order = np.argsort(edge_label, kind="stable")
    starts = np.searchsorted(edge_label[edge_order], np.arange(label.max() + 2))
    local = np.empty(len(uv), dtype=np.int64)
    outlines = []
    for number, vertex in enumerate(np.split(order, bounds)):
        edges = border[edge_order[starts[number] : starts[number + 1]]]
        if len(edges) == 0:  # a vertex of no face
            continue
        local[vertex] = np.arange(len(vertex))
        outlines.append(_Outline(vertex, _upright(uv[vertex], np.unique(local[edges])), local[edges]))
    return outlines


def _border(faces: Int[np.ndarray, "f 3"]) -> Int[np.ndarray, "e 2"]:
    """Edges of one face only."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    low, high = edges.min(axis=1), edges.max(axis=1)
    _, first, uses = np.unique(low << 32 | high, return_index=True, return_counts=True)
    return edges[first[uses == 1]]


def _upright(points: Float[np.ndarray, "n 2"], rim: Int[np.ndarray, " m"]) -> Float[np.ndarray, "n 2"]:
    """Points turned so that their box is smallest and lies, its corner at the origin."""
    angle = np.arange(NUM_ANGLES) * (np.pi / 2 / NUM_ANGLES)
    x, y = points[rim].T[:, :, None]
    across, along = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    best = angle[np.argmin(np.ptp(across, axis=0) * np.ptp(along, axis=0))]
    cos, sin = np.cos(best), np.sin(best)
    turned = points @ np.array([[cos, sin], [-sin, cos]])
    return turned - turned[rim].min(axis=0)


def _try(
    outlines: list[_Outline], scale: float, side: int, gap: int, device: str
) -> list[Float[np.ndarray, "n 2"]] | None:
    """Positions in cells at a scale, or None where the sheet is too small."""
    masks = [_mask(outline, scale) for outline in outlines]
    if max(max(mask.shape) for mask in masks) > side:
        return None
    shapes, runs, bits, thick = [], [], [], []
    first = first_run = 0
    for mask in masks:
        cells = np.pad(mask, gap)
        each = zip(_turns(cells), _turns(_swollen(cells, gap)), _turned_runs(cells), strict=True)
        for turned, swollen, rows in each:
            wide = -(-turned.shape[1] // 64)
            longest = int(np.argmax(rows[:, 1] - rows[:, 0]))
            shapes.append((*turned.shape, wide, first, first_run, longest, _stride(len(turned))))
            runs.append(rows)
            bits.append(_words(turned, wide))
            thick.append(_words(swollen, wide))
            first += bits[-1].size
            first_run += len(rows)
    buckets = [int(BUCKETS * np.log2(max(mask.shape))) for mask in masks]
    whole = side + 2 * gap
    words = -(-whole // 64) + 1
    tables = [
        wp.array(np.array(shapes, np.int32), dtype=int, device=device),
        wp.array(np.concatenate(runs).astype(np.int32), dtype=int, device=device),
        wp.array(np.concatenate(bits), dtype=wp.uint64, device=device),
        wp.array(np.concatenate(thick), dtype=wp.uint64, device=device),
        wp.array(np.array(buckets, np.int32), dtype=int, device=device),
    ]
    for order in _orders(masks):
        place = wp.array(np.full((len(masks), 3), -1, np.int32), dtype=int, device=device)
        state = [
            wp.zeros((max(buckets) + 1) * NUM_TURNS, dtype=int, device=device),
            wp.zeros(whole, dtype=int, device=device),
            wp.zeros(whole * words, dtype=wp.uint64, device=device),
        ]
        turn = wp.array(order.astype(np.int32), dtype=int, device=device)
        sizes = [len(masks), NUM_TURNS, whole, words]
        wp.launch(place_charts, 1, inputs=[*sizes, turn, *tables, *state], outputs=[place], device=device)
        found = place.numpy()
        if (found[:, 0] >= 0).all():
            return [
                _turned(outline.points * scale, mask.shape, int(turn)) + np.array([x, y])
                for outline, mask, (turn, x, y) in zip(outlines, masks, found, strict=True)
            ]
    return None


def _orders(masks: list[Bool[np.ndarray, "_ _"]]) -> Iterator[Int[np.ndarray, " c"]]:
    """Orders to put the charts in: by their boxes, by their longer sides, and few charts also by chance."""
    boxes = np.array([mask.shape for mask in masks])
    sizes = boxes.prod(axis=1).astype(np.float64)
    yield np.argsort(-sizes, kind="stable")
    yield np.argsort(-boxes.max(axis=1), kind="stable")
    random = np.random.default_rng(0)
    for _ in range(NUM_CHANCES if len(masks) <= FEW_CHARTS else 0):
        yield np.argsort(-sizes * np.exp(random.normal(0, DISORDER, len(masks))), kind="stable")


def _mask(outline: _Outline, scale: float) -> Bool[np.ndarray, "h w"]:
    """Cells that a chart covers, half a cell of margin around it."""
    ends = outline.points[outline.edges] * scale
    length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    count = np.maximum(np.ceil(SAMPLES * length).astype(np.int64), 1)
    edge = np.repeat(np.arange(len(ends)), count + 1)
    step = np.arange(len(edge)) - np.repeat(np.cumsum(count + 1) - count - 1, count + 1)
    share = (step / count[edge])[:, None]
    cells = np.floor(ends[edge, 0] * (1 - share) + ends[edge, 1] * share).astype(np.int64)
    width, height = np.maximum(np.floor(outline.points.max(axis=0) * scale).astype(np.int64), 0) + 1
    mask = np.zeros((height, width), dtype=bool)
    mask[cells[:, 1].clip(0, height - 1), cells[:, 0].clip(0, width - 1)] = True
    return np.asarray(ndimage.binary_fill_holes(mask))


def _swollen(cells: Bool[np.ndarray, "h w"], gap: int) -> Bool[np.ndarray, "h w"]:
    """Cells with one of `cells` no farther than `gap` along both axes."""
    for axis in (0, 1):
        grown = cells.copy()
        for step in range(1, gap + 1):
            low, high = (slice(step, None), slice(None, -step))
            ahead = (low, slice(None)) if axis == 0 else (slice(None), low)
            behind = (high, slice(None)) if axis == 0 else (slice(None), high)
            grown[ahead] |= cells[behind]
            grown[behind] |= cells[ahead]
        cells = grown
    return cells


def _words(mask: Bool[np.ndarray, "h w"], wide: int) -> np.ndarray:
    """Rows of cells as words of 64 bits, the first cell lowest."""
    packed = np.packbits(mask, axis=1, bitorder="little")
    words = np.zeros((len(mask), wide * 8), np.uint8)
    words[:, : packed.shape[1]] = packed
    return words.view("<u8").reshape(-1)


def _turns(cells: Bool[np.ndarray, "h w"]) -> list[Bool[np.ndarray, "_ _"]]:
    """Cells in each of the quarter turns, as by `np.rot90`, which takes ten times as long."""
    return [cells, cells.T[::-1], cells[::-1, ::-1], cells.T[:, ::-1]]


def _turned_runs(cells: Bool[np.ndarray, "h w"]) -> list[Int[np.ndarray, "_ 3"]]:
    """What `_runs` says of each turn; half a turn keeps the runs."""
    found = []
    for turned in _turns(cells)[:2]:
        rows, width = _runs(turned), turned.shape[1]
        found.append((rows, np.stack([width - rows[:, 1], width - rows[:, 0], rows[:, 2]], axis=1)[::-1]))
    return [found[0][0], found[1][0], found[0][1], found[1][1]]


def _runs(cells: Bool[np.ndarray, "h w"]) -> Int[np.ndarray, "h 3"]:
    """First cell and cell after the last of each row's longest run, and 1 where it is the only one.

    A gap is at both sides of every row. A row without cells has a run of none.
    """
    change = np.flatnonzero(np.diff(cells.ravel())) + 1
    starts, stops = change[::2], change[1::2]
    row = starts // cells.shape[1]
    order = np.lexsort((starts - stops, row))
    has, first, count = np.unique(row[order], return_index=True, return_counts=True)
    longest = order[first]
    found = np.zeros((len(cells), 3), np.int64)
    found[has, 0], found[has, 1] = starts[longest], stops[longest]
    found[has, :2] -= has[:, None] * cells.shape[1]
    found[has, 2] = count == 1
    return found


def _stride(count: int) -> int:
    """A step that visits all of `count` rows, far apart from each other at first."""
    step = max(1, round(0.382 * count))
    while math.gcd(step, count) > 1:
        step += 1
    return step


def _turned(points: Float[np.ndarray, "n 2"], shape: tuple[int, ...], turn: int) -> Float[np.ndarray, "n 2"]:
    """Points (x, y) as `np.rot90` turns the cells of a mask of this shape."""
    height, width = shape
    x, y = points.T
    return np.stack([(x, y), (y, width - x), (width - x, height - y), (height - y, x)][turn], axis=1)
