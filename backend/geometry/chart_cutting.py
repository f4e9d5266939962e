"""Cutting of charts that waste the sheet by their shape: rods, rings, frames, limbs.

Such a chart is cut across its longer side again and again, each time where the seam is shortest. Of these
cuts those stay that pay: where boxes around the pieces are smaller by more than the seams cost. Lengths are
shares of the side of a square as large as all charts together, areas shares of its area. Legend: `n` uv
vertices, `f` faces, `k` faces of a piece, `e` pairs of neighbouring faces, `p` pairs in a piece.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from backend.geometry.chart_parting import chart_of_faces

LONGEST, SHORTER, SLIM = 0.7, 0.85, 0.5
"""Length above which a chart is cut in any case, if its pieces have at most such a share of its length, and
the seam such a one: a rod is, a plate and a rod of faces as long as itself are not."""

LEAST_WASTE = 0.01
"""Area of a chart's box beside the chart from which on cuts are tried."""

SEAM_COST = 0.1
"""Area that a seam must save, for its length."""

NUM_CUTS = 4
"""Cuts that are tried one after the other before they pay: a frame falls into bars by the third."""

CUT_PLACES = np.linspace(0.2, 0.8, 13)
"""Where a chart may be cut, as shares of its longer side."""

NUM_ANGLES = 12
"""Turns that are tried for the smallest box around a chart."""


@dataclass(frozen=True, slots=True)
class _Charts:
    """All faces in their charts.

    Attributes:
        corners: Corners of each face.
        middles: Middle of each face.
        areas: Area of each face.
        pairs: Neighbouring faces.
        lengths: Lengths of the edges between them.
    """

    corners: Float[np.ndarray, "f 3 2"]
    middles: Float[np.ndarray, "f 2"]
    areas: Float[np.ndarray, " f"]
    pairs: Int[np.ndarray, "e 2"]
    lengths: Float[np.ndarray, " e"]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Faces that hang together, in rising order, and which pairs of neighbours are both among them."""

    faces: Int[np.ndarray, " k"]
    pairs: Int[np.ndarray, " p"]


def cut_charts(
    uv: Float[np.ndarray, "n 2"], faces: Int[np.ndarray, "f 3"]
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, "f 3"]]:
    """Cut charts into such as fill a sheet better; none gets another form or size.

    Returns:
        The uv vertex that each new one is a copy of, and the faces as indices of new ones.
    """
    _, chart = np.unique(chart_of_faces(faces, num_vertices=len(uv)), return_inverse=True)
    charts = _charts(uv.astype(np.float64), faces)
    members, inner = (_groups(label, chart) for label in (chart, chart[charts.pairs[:, 0]]))
    number = np.zeros(len(faces), np.int64)
    for own, pairs in zip(members, inner, strict=True):
        for index, piece in enumerate(_cut(charts, _Piece(own, pairs), NUM_CUTS)[1]):
            number[piece.faces] = index
    keys, index = np.unique(number[:, None] * len(uv) + faces, return_inverse=True)
    return keys % max(1, len(uv)), index.reshape(-1, 3)


def _groups(label: Int[np.ndarray, " k"], labels: Int[np.ndarray, " f"]) -> list[Int[np.ndarray, " g"]]:
    """Indices of each label, from 0 to the largest of `labels`."""
    order = np.argsort(label, kind="stable")
    return np.split(order, np.searchsorted(label[order], np.arange(labels.max(initial=-1) + 1)))[1:]


def _charts(uv: Float[np.ndarray, "n 2"], faces: Int[np.ndarray, "f 3"]) -> _Charts:
    corners = uv[faces]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    areas = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / 2
    side = np.sqrt(max(float(areas.sum()), 1e-30))
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    keys = ends.min(axis=1) * len(uv) + ends.max(axis=1)
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero(np.diff(keys[order]) == 0)
    pairs = np.stack([order[same], order[same + 1]], axis=1) % max(1, len(faces))
    lengths = np.linalg.norm(uv[ends[order[same], 1]] - uv[ends[order[same], 0]], axis=1)
    return _Charts(corners / side, corners.mean(axis=1) / side, areas / side**2, pairs, lengths / side)


def _cut(charts: _Charts, whole: _Piece, cuts: int) -> tuple[float, list[_Piece]]:
    """Cut a piece as it pays: what its pieces waste and its seams cost, and the pieces."""
    axis, (length, width) = _box(charts.corners[whole.faces].reshape(-1, 2))
    waste = length * width - float(charts.areas[whole.faces].sum())
    may_pay = cuts > 0 and waste > LEAST_WASTE
    if not (may_pay or length > LONGEST):
        return waste, [whole]
    seam, parts = _parts(charts, whole, axis)
    longest = max(np.ptp(charts.corners[part.faces].reshape(-1, 2) @ axis) for part in parts)
    must = length > LONGEST and longest < SHORTER * length and seam < SLIM * length
    if len(parts) == 1 or not (may_pay or must):
        return waste, [whole]
    cuttings = [_cut(charts, part, max(0, cuts - 1)) for part in parts]
    cost = SEAM_COST * seam + sum(cost for cost, _ in cuttings)
    if cost >= waste and not must:
        return waste, [whole]
    return cost, [piece for _, pieces in cuttings for piece in pieces]


def _box(points: Float[np.ndarray, "n 2"]) -> tuple[Float[np.ndarray, " 2"], tuple[float, float]]:
    """Direction of the longer side of the smallest box around points, and its length and width."""
    angle = np.arange(2 * NUM_ANGLES) * (np.pi / 2 / NUM_ANGLES)
    directions = np.stack([np.cos(angle), np.sin(angle)])
    sizes = np.ptp(points @ directions, axis=0)
    lengths, widths = sizes, np.roll(sizes, NUM_ANGLES)
    best = int(np.where(lengths >= widths, lengths * widths, np.inf).argmin())
    return directions[:, best], (float(lengths[best]), float(widths[best]))


def _parts(charts: _Charts, whole: _Piece, axis: Float[np.ndarray, " 2"]) -> tuple[float, list[_Piece]]:
    """Cut a piece where the seam across an axis is shortest: the seam's length, and what hangs together."""
    along = charts.corners[whole.faces].reshape(-1, 2) @ axis
    limits = along.min() + CUT_PLACES * np.ptp(along)
    height = charts.middles[whole.faces] @ axis
    pairs = np.searchsorted(whole.faces, charts.pairs[whole.pairs])
    low, high = height[pairs].min(axis=1)[:, None], height[pairs].max(axis=1)[:, None]
    is_cut = (low <= limits) & (high > limits)
    seams = charts.lengths[whole.pairs] @ is_cut
    parts_them = (height.min() <= limits) & (height.max() > limits)
    # Of seams about as long as each other the middle one, which leaves the shortest pieces.
    best = int(np.where(parts_them, seams * (1 + np.abs(CUT_PLACES - 0.5)), np.inf).argmin())
    kept = ~is_cut[:, best]
    first, second = pairs[kept].T
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(len(height),) * 2)
    label = connected_components(graph, directed=False)[1].astype(np.int64)
    members, inner = (_groups(found, label) for found in (label, label[first]))
    found = [
        _Piece(whole.faces[own], whole.pairs[kept][edges]) for own, edges in zip(members, inner, strict=True)
    ]
    return float(seams[best]), found
