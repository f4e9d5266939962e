"""How well texture coordinates use their sheet."""

import numpy as np
from jaxtyping import Float, Int

CHUNK = 1 << 22
"""Pixel tests made at once."""


def sheet_fill(uv: Float[np.ndarray, "n 2"], faces: Int[np.ndarray, "f 3"]) -> float:
    """Share of the unit square that the faces cover, counted twice where they overlap."""
    return float(np.abs(_doubled_areas(uv.astype(np.float64)[faces])).sum() / 2)


def overlap_pixels(uv: Float[np.ndarray, "n 2"], faces: Int[np.ndarray, "f 3"], *, size: int) -> int:
    """Pixels of a `size` x `size` sheet whose centre lies well inside more than one face.

    A hundredth of a pixel from the edges does not count, for rounding.
    """
    corners = uv.astype(np.float64)[faces] * size
    doubled = _doubled_areas(corners)
    corners[doubled < 0] = corners[doubled < 0][:, ::-1]
    low = np.ceil(corners.min(axis=1) - 0.5).astype(np.int64).clip(0, size)
    high = np.floor(corners.max(axis=1) - 0.5).astype(np.int64).clip(-1, size - 1)
    width, height = np.maximum(high - low + 1, 0).T
    ends = np.cumsum(width * height)
    count = np.zeros(size * size, dtype=np.int32)
    for start in range(0, int(ends[-1]) if len(ends) else 0, CHUNK):
        test = np.arange(start, min(start + CHUNK, int(ends[-1])))
        face = np.searchsorted(ends, test, side="right")
        place = test - (ends[face] - (width * height)[face])
        x, y = low[face, 0] + place % width[face], low[face, 1] + place // width[face]
        inside = _is_inside(corners[face], np.stack([x, y], axis=1) + 0.5)
        np.add.at(count, (y * size + x)[inside], 1)
    return int((count > 1).sum())


def _doubled_areas(corners: Float[np.ndarray, "f 3 2"]) -> Float[np.ndarray, " f"]:
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]


def _is_inside(corners: Float[np.ndarray, "n 3 2"], points: Float[np.ndarray, "n 2"]) -> np.ndarray:
    """Whether points are farther than a hundredth of a pixel inside all edges of counter-clockwise faces."""
    inside = np.ones(len(points), dtype=bool)
    for corner in range(3):
        edge = corners[:, (corner + 1) % 3] - corners[:, corner]
        to_point = points - corners[:, corner]
        cross = edge[:, 0] * to_point[:, 1] - edge[:, 1] * to_point[:, 0]
        inside &= cross > 0.01 * np.linalg.norm(edge, axis=1)
    return inside
