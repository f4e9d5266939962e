"""Packing charts into a square by their outlines, where xatlas packs them loosely.

Charts are drawn as bits on the sheet's own grid and put one after the other, the largest first, into the
first place that is free, in four orientations; a chart's holes are free too. Legend: `n` uv vertices, `f`
faces, `c` charts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import warp as wp
from jaxtyping import Float, Float32, Int, UInt8
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from backend.geometry import packing_drawing, packing_kernel
from backend.geometry.packing_drawing import NUM_TURNS, covered, drawn
from backend.geometry.packing_kernel import place_charts
from backend.geometry.warp_start import start_warp

FEW_CHARTS = 100
FEW_GRID, GRID = 512, 1024
"""Cells along a side of the sheet, with few charts and with more; as many as pixels at most."""

GAP_PX = 2
"""Pixels between charts, so that each has one of its own beside it for filtering."""

NUM_ANGLES = 24
"""Turns that are tried for the smallest box around a chart."""

FIRST_FILL, LEAST_FILL, MOST_FILL = 0.7, 0.4, 0.92
"""Shares of the sheet that charts are scaled to: the first one tried, and the ends of the search."""

COARSE_STEP, STEP = 0.04, 0.01
"""How much less is tried where charts find no place, and how much more where they do."""

MOST_STRETCH = 2.0
"""How much more charts may be stretched in one direction than in the other where a part of the sheet stays
free; a banner three times as long as wide cannot fill it otherwise. No chart loses pixels by that."""

NUM_CHANCES, DISORDER = 20, 0.5
"""Orders by chance: that of the boxes' areas, each changed by about this exponent."""

SAMPLES = 3
"""Points an edge is drawn with for each cell of its length."""

BUCKETS = 6
"""Classes of size an octave; a chart is looked for a place from where the last one of its class found one."""


@dataclass(frozen=True, slots=True)
class _Outlines:
    """All charts, each turned to its smallest box, the box's corner at the origin.

    Attributes:
        chart: The chart of each uv vertex; -1 for a vertex of no face.
        points: Positions of the uv vertices.
        edges: Ends of the charts' borders.
        faces: The charts' faces.
        sizes: Width and height of each chart.
    """

    chart: Int[np.ndarray, " n"]
    points: Float[np.ndarray, "n 2"]
    edges: Int[np.ndarray, "e 2"]
    faces: Int[np.ndarray, "f 3"]
    sizes: Float[np.ndarray, "c 2"]


@dataclass(frozen=True, slots=True)
class _Places:
    """Where charts lie on the sheet.

    Attributes:
        scale: Cells a unit.
        boxes: Rows and columns of each chart.
        places: Turn, column and row of each.
    """

    scale: float
    boxes: Int[np.ndarray, "c 2"]
    places: Int[np.ndarray, "c 3"]


def can_pack() -> bool:
    """Whether warp has code for the CPU, where charts find their places many times faster than elsewhere."""
    start_warp()
    return wp.is_cpu_available()


def get_ready() -> None:
    """Load or compile what `pack` runs on the CPU."""
    start_warp()
    for module in (packing_drawing, packing_kernel):
        wp.load_module(module, device="cpu")


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
    side = min(texture_px, FEW_GRID if len(outlines.sizes) <= FEW_CHARTS else GRID)
    gap = -(-GAP_PX * side // texture_px)
    # Nothing may be longer than the sheet.
    highest = min(MOST_FILL, area / float(outlines.sizes.max()) ** 2)
    best, fill = None, min(FIRST_FILL, 0.9999 * highest)
    least = min(LEAST_FILL, fill)
    while least <= fill < highest:
        placed = _try(outlines, side * np.sqrt(fill / area), side, gap, device)
        if placed is not None:
            best = _laid(outlines, placed) / side
            stretch = _stretch(best)
            fill = fill * stretch.prod() + STEP
        elif best is None:
            highest, fill = fill, fill - COARSE_STEP
        else:
            break
    return None if best is None else (best * _stretch(best)).astype(np.float32).clip(0, 1)


def _stretch(laid: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " 2"]:
    """How much a sheet's charts grow in both directions until they reach its ends."""
    free = 1 / laid.max(axis=0)
    return np.minimum(free, MOST_STRETCH * free.min())


def _outlines(uv: Float[np.ndarray, "n 2"], faces: Int[np.ndarray, "f 3"]) -> _Outlines:
    """The charts: faces that share uv vertices."""
    rows, columns = faces[:, [0, 1]].ravel(), faces[:, [1, 2]].ravel()
    graph = coo_array((np.ones(rows.size, dtype=np.int8), (rows, columns)), shape=(len(uv),) * 2)
    _, label = connected_components(graph, directed=False)
    edges = _border(faces)
    used, first = np.unique(label[edges[:, 0]], return_inverse=True)
    chart = np.full(label.max() + 1, -1)
    chart[used] = np.arange(len(used))
    chart = chart[label]
    points, sizes = np.zeros_like(uv), np.zeros((len(used), 2))
    by_chart, by_edge = (np.argsort(values, kind="stable") for values in (chart, first))
    vertices = np.split(by_chart, np.searchsorted(chart[by_chart], np.arange(len(used))))[1:]
    rims = np.split(edges[by_edge], np.searchsorted(first[by_edge], np.arange(1, len(used))))
    for number, (vertex, rim) in enumerate(zip(vertices, rims, strict=True)):
        points[vertex] = _upright(uv[vertex], uv[rim[:, 0]])
        sizes[number] = points[vertex].max(axis=0)
    return _Outlines(chart, points, edges, faces[chart[faces[:, 0]] >= 0], sizes)


def _border(faces: Int[np.ndarray, "f 3"]) -> Int[np.ndarray, "e 2"]:
    """Edges of one face only."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    low, high = edges.min(axis=1), edges.max(axis=1)
    _, first, uses = np.unique(low << 32 | high, return_index=True, return_counts=True)
    return edges[first[uses == 1]]


def _upright(points: Float[np.ndarray, "n 2"], rim: Float[np.ndarray, "m 2"]) -> Float[np.ndarray, "n 2"]:
    """Points turned so that the box of their rim is smallest and lies, its corner at the origin."""
    angle = np.arange(NUM_ANGLES) * (np.pi / 2 / NUM_ANGLES)
    x, y = rim.T[:, :, None]
    across, along = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    best = angle[np.argmin(np.ptp(across, axis=0) * np.ptp(along, axis=0))]
    cos, sin = np.cos(best), np.sin(best)
    turn = np.array([[cos, sin], [-sin, cos]])
    return points @ turn - (rim @ turn).min(axis=0)


def _try(outlines: _Outlines, scale: float, side: int, gap: int, device: str) -> _Places | None:
    """Places at a scale, or None where the sheet is too small."""
    boxes = np.floor(outlines.sizes[:, ::-1] * scale).astype(np.int64).clip(0) + 1
    if boxes.max() > side:
        return None
    padded = boxes + 2 * gap
    strides = np.tile(np.stack([_strides(padded[:, axis]) for axis in (0, 1)], axis=1), (1, 2)).reshape(-1)
    chart = outlines.chart[outlines.faces[:, 0]]
    corners = (outlines.points[outlines.faces] * scale).clip(0, boxes[chart, None, ::-1]) + gap
    canvas = covered(_canvas(outlines, scale, boxes, gap), corners, chart, padded, device=device)
    shape, run, bits, thick = drawn(canvas, padded, strides, gap=gap, device=device)
    buckets = (BUCKETS * np.log2(boxes.max(axis=1))).astype(np.int32)
    bucket = wp.array(buckets, dtype=int, device=device)
    whole = side + 2 * gap
    words = -(-whole // 64) + 1
    for order in _orders(boxes):
        place = wp.array(np.full((len(boxes), 3), -1, np.int32), dtype=int, device=device)
        state = [
            wp.zeros((int(buckets.max()) + 1) * NUM_TURNS, dtype=int, device=device),
            wp.zeros(whole, dtype=int, device=device),
            wp.zeros(whole * words, dtype=wp.uint64, device=device),
        ]
        turn = wp.array(order.astype(np.int32), dtype=int, device=device)
        inputs = [len(boxes), NUM_TURNS, whole, words, turn, shape, run, bits, thick, bucket, *state]
        wp.launch(place_charts, 1, inputs=inputs, outputs=[place], device=device)
        found = place.numpy()
        if (found[:, 0] >= 0).all():
            return _Places(scale, boxes, found.astype(np.int64))
    return None


def _canvas(
    outlines: _Outlines, scale: float, boxes: Int[np.ndarray, "c 2"], gap: int
) -> UInt8[np.ndarray, " k"]:
    """Cells of all charts one after the other, with a gap around each: 1 where an outline runs."""
    ends = outlines.points[outlines.edges] * scale
    length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    count = np.maximum(np.ceil(SAMPLES * length).astype(np.int64), 1)
    edge = np.repeat(np.arange(len(ends)), count + 1)
    step = np.arange(len(edge)) - np.repeat(np.cumsum(count + 1) - count - 1, count + 1)
    share = (step / count[edge])[:, None]
    places = np.floor(ends[edge, 0] * (1 - share) + ends[edge, 1] * share).astype(np.int64)
    chart = outlines.chart[outlines.edges[edge, 0]]
    column, row = (places.clip(0, boxes[chart, ::-1] - 1) + gap).T
    padded = boxes + 2 * gap
    area = padded.prod(axis=1)
    cells = np.zeros(area.sum(), np.uint8)
    cells[(np.cumsum(area) - area)[chart] + row * padded[chart, 1] + column] = 1
    return cells


def _laid(outlines: _Outlines, found: _Places) -> Float[np.ndarray, "n 2"]:
    """Positions in cells."""
    chart = outlines.chart
    x, y = (outlines.points * found.scale).T
    height, width = found.boxes[chart].T
    turn, *corner = found.places[chart].T
    across, down = (
        np.choose(turn, options) for options in ([x, y, width - x, height - y], [y, width - x, height - y, x])
    )
    laid = np.stack([across, down], axis=1) + np.stack(corner, axis=1)
    return np.where((chart >= 0)[:, None], laid, 0.0)


def _orders(boxes: Int[np.ndarray, "c 2"]) -> Iterator[Int[np.ndarray, " c"]]:
    """Orders to put the charts in: by their boxes, by their longer sides, and few charts also by chance."""
    sizes = boxes.prod(axis=1).astype(np.float64)
    yield np.argsort(-sizes, kind="stable")
    yield np.argsort(-boxes.max(axis=1), kind="stable")
    random = np.random.default_rng(0)
    for _ in range(NUM_CHANCES if len(boxes) <= FEW_CHARTS else 0):
        yield np.argsort(-sizes * np.exp(random.normal(0, DISORDER, len(boxes))), kind="stable")


def _strides(counts: Int[np.ndarray, " c"]) -> Int[np.ndarray, " c"]:
    """For each count of rows a step that visits all of them, far apart from each other at first."""
    steps = np.maximum(1, np.round(0.382 * counts)).astype(np.int64)
    while (is_common := np.gcd(steps, counts) > 1).any():
        steps += is_common
    return steps
