"""A mesh file's arrays as Blender wants them: seams joined, edges known. Made in steps that nobody feels."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .glb import GlbMesh
from .steps import Steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FACTORS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)
"""Large odd numbers that spread the bits of a row's numbers."""
_STEP_ROWS = 8192
"""Rows that are sorted in one step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surface:
    """Plain arrays of a mesh whose texture seams are joined, ready to be handed to Blender.

    No triangle names a vertex twice and no two name the same three, so that Blender has nothing to mend.
    """

    vertices: "NDArray[np.float32]"
    corners: "NDArray[np.int32]"
    """The vertex of each corner; a polygon's corners stand together, counter-clockwise seen from outside."""
    starts: "NDArray[np.int32]"
    """The first corner of each polygon."""
    uvs: "NDArray[np.float32]"
    """Texture coordinates of each corner, n x 2."""
    edges: "NDArray[np.int32]"
    """Vertices of each edge, e x 2."""
    corner_edges: "NDArray[np.int32]"
    """The edge from each corner to the next one of its polygon."""

    @property
    def triangles(self) -> "NDArray[np.int32]":
        """The corners by threes, of a surface that has triangles alone."""
        return self.corners.reshape(-1, 3)


def weld(glb: GlbMesh) -> Steps[Surface]:
    """Join the copies of a vertex that the file keeps on each side of a texture seam.

    Blender keeps texture coordinates by face corner, so the artist gets a connected surface.
    """
    points = glb.positions + 0.0  # which makes minus zero plain zero
    kept, vertex_from_row = yield from _distinct(points.view(np.uint32))
    corners = vertex_from_row[glb.triangles].astype(np.int32)
    yield
    a, b, c = corners.T
    rows = np.flatnonzero((a != b) & (b != c) & (c != a))
    once, _ = yield from _distinct(_unordered(corners[rows]))
    rows = rows[once]
    corners = corners[rows]
    yield
    start, end = corners.reshape(-1), corners[:, [1, 2, 0]].reshape(-1)
    pairs = np.stack([np.minimum(start, end), np.maximum(start, end)], axis=1)
    yield
    first, corner_edges = yield from _distinct(pairs.view(np.uint32))
    yield
    uvs = glb.uvs[glb.triangles[rows].reshape(-1)].astype(np.float32)
    return Surface(
        vertices=points[kept],
        corners=corners.reshape(-1),
        starts=np.arange(0, corners.size, 3, dtype=np.int32),
        uvs=uvs,
        edges=pairs[first],
        corner_edges=corner_edges.astype(np.int32),
    )


def _unordered(corners: "NDArray[np.int32]") -> "NDArray[np.uint32]":
    """The vertices of each triangle by size."""
    a, b, c = corners.T
    low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
    return np.stack([low, a + b + c - low - high, high], axis=1).view(np.uint32)


def _distinct(rows: "NDArray[np.uint32]") -> "Steps[tuple[NDArray[np.intp], NDArray[np.intp]]]":
    """Which rows of up to three numbers come for the first time, and which of those each row is like.

    Sorting one number a row takes a third of the time that sorting rows does; that two rows share a
    number is so unlikely that rows are sorted only then.
    """
    keys = np.zeros(len(rows), dtype=np.uint64)
    for column, factor in zip(rows.T, _FACTORS, strict=False):
        keys += column * factor
    yield
    first = yield from _first_alike(keys)
    yield
    if not np.array_equal(rows[first], rows):
        _, ones, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        first = ones[inverse.reshape(-1)]
    is_first = first == np.arange(len(rows))
    return np.flatnonzero(is_first), (np.cumsum(is_first) - 1)[first]


def _first_alike(keys: "NDArray[np.uint64]") -> "Steps[NDArray[np.intp]]":
    """For each key the place of the first one that is the same; sorted by parts, a part a step."""
    num_bits = (len(keys) // _STEP_ROWS).bit_length()
    parts = keys >> np.uint64(64 - num_bits) if num_bits else np.zeros_like(keys)
    first = np.empty(len(keys), dtype=np.intp)
    for part in range(1 << num_bits):
        rows = np.flatnonzero(parts == part)
        _, ones, inverse = np.unique(keys[rows], return_index=True, return_inverse=True)
        first[rows] = rows[ones[inverse.reshape(-1)]]
        yield
    return first
