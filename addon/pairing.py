"""Triangles joined to quads, where form and texture allow it, in steps that nobody feels."""

import math
from typing import TYPE_CHECKING

import numpy as np

from .steps import Steps
from .surface import Surface

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_ANGLE = math.radians(40)
"""Most between the two triangles, and most that a corner of the quad is away from a right angle."""
_STEP_ROWS = 2048
_NONE = np.inf


def paired(surface: Surface) -> Steps[Surface]:
    """Join pairs of a surface's triangles, the best first; the texture's coordinates stay as they are."""
    edge_of = surface.corner_edges.reshape(-1, 3)
    first, second = yield from _two_corners(surface)
    badness = np.full(len(surface.edges), _NONE, dtype=np.float32)
    inner = np.flatnonzero(second >= 0)
    for begin in range(0, len(inner), _STEP_ROWS):
        rows = inner[begin : begin + _STEP_ROWS]
        badness[rows] = _badness(surface, first[rows], second[rows])
        yield
    joined = yield from _matched(badness, edge_of, first // 3, second // 3)
    yield
    return _joined(surface, first[joined], second[joined], joined)


def _two_corners(surface: Surface) -> "Steps[tuple[NDArray[np.intp], NDArray[np.intp]]]":
    """The two corners at which the triangles on each side of an edge begin it; -1 where there are not two."""
    edges = surface.corner_edges
    count = np.bincount(edges, minlength=len(surface.edges))
    yield
    order = np.argsort(edges, kind="stable")
    yield
    start = np.cumsum(count) - count
    is_inner = count == 2
    first, second = (np.full(len(count), -1, dtype=np.intp) for _ in range(2))
    first[is_inner], second[is_inner] = order[start[is_inner]], order[start[is_inner] + 1]
    return first, second


def _next(corner: "NDArray[np.intp]", steps: int) -> "NDArray[np.intp]":
    """Another corner of the same triangle."""
    return corner - corner % 3 + (corner + steps) % 3


def _badness(
    surface: Surface,
    first: "NDArray[np.intp]",
    second: "NDArray[np.intp]",
) -> "NDArray[np.float32]":
    """How far two triangles are from a flat rectangle, in radians; infinite where they must not be joined."""
    vertex = surface.corners
    # Both triangles look outwards, so they go along their edge in opposite directions.
    is_opposite = vertex[first] == vertex[_next(second, 1)]
    corners = np.stack([_next(first, 1), _next(first, 2), first, _next(second, 2)], axis=1)
    uvs = surface.uvs
    is_one = (uvs[first] == uvs[_next(second, 1)]).all(axis=1) & (uvs[second] == uvs[_next(first, 1)]).all(
        axis=1
    )
    points = surface.vertices[vertex[corners]].astype(np.float64)
    sides = np.roll(points, -1, axis=1) - points
    normals = [
        np.cross(points[:, i] - points[:, 2], points[:, j] - points[:, 2]) for i, j in ((0, 1), (3, 0))
    ]
    bend = _angle(*normals)
    turns = np.stack([_angle(sides[:, i], -sides[:, i - 1]) for i in range(4)], axis=1)
    skew = np.abs(turns - math.pi / 2).max(axis=1)
    is_fine = is_opposite & is_one & (bend <= MAX_ANGLE) & (skew <= MAX_ANGLE)
    return np.where(is_fine, bend + skew, _NONE).astype(np.float32)


def _angle(a: "NDArray[np.float64]", b: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Angles between rows; a half turn where one of them has no length."""
    lengths = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    cosine = np.divide((a * b).sum(axis=1), lengths, out=np.full(len(a), -1.0), where=lengths > 0)
    return np.arccos(cosine.clip(-1, 1))


def _matched(
    badness: "NDArray[np.float32]",
    edge_of: "NDArray[np.int32]",
    first: "NDArray[np.intp]",
    second: "NDArray[np.intp]",
) -> "Steps[NDArray[np.intp]]":
    """Edges to dissolve, no two of a triangle: those that both their triangles like best, again and again."""
    badness = badness.copy()
    found = []
    while True:
        yield
        likes = badness[edge_of]
        best = edge_of[np.arange(len(edge_of)), likes.argmin(axis=1)]
        yield
        open_edges = np.flatnonzero(badness < _NONE)
        one, other = first[open_edges], second[open_edges]
        chosen = open_edges[(best[one] == open_edges) & (best[other] == open_edges)]
        if not len(chosen):
            return np.concatenate(found) if found else np.empty(0, dtype=np.intp)
        found.append(chosen)
        badness[edge_of[first[chosen]]] = _NONE
        badness[edge_of[second[chosen]]] = _NONE


def _joined(
    surface: Surface, first: "NDArray[np.intp]", second: "NDArray[np.intp]", dissolved: "NDArray[np.intp]"
) -> Surface:
    """The surface with quads before what is left of its triangles."""
    num_corners = len(surface.corners)
    is_left = np.ones(num_corners // 3, dtype=bool)
    is_left[first // 3] = is_left[second // 3] = False
    quads = np.stack([_next(first, 1), _next(first, 2), first, _next(second, 2)], axis=1)
    rest = np.arange(num_corners).reshape(-1, 3)[is_left]
    order = np.concatenate([quads.reshape(-1), rest.reshape(-1)])
    # The corner at the end of the dissolved edge goes on along the other triangle.
    begins = quads.copy()
    begins[:, 2] = _next(second, 1)
    edge_order = np.concatenate([begins.reshape(-1), rest.reshape(-1)])
    is_kept = np.ones(len(surface.edges), dtype=bool)
    is_kept[dissolved] = False
    number = np.cumsum(is_kept, dtype=np.int32) - 1
    sizes = np.concatenate([np.full(len(quads), 4), np.full(len(rest), 3)])
    return Surface(
        vertices=surface.vertices,
        corners=surface.corners[order],
        starts=(np.cumsum(sizes) - sizes).astype(np.int32),
        uvs=surface.uvs[order],
        edges=surface.edges[is_kept],
        corner_edges=number[surface.corner_edges[edge_order]],
    )
