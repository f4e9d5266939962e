"""Flat charts of simple forms, each a strip of squares."""

import numpy as np


def strip(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Faces between two rows of as many points."""
    count = len(first)
    here, there = np.arange(count - 1), np.arange(count - 1) + count
    faces = np.concatenate(
        [np.stack([here, here + 1, there], axis=1), np.stack([here + 1, there + 1, there], axis=1)]
    )
    return np.concatenate([first, second]).astype(np.float64), faces


def rod(length: float, width: float, *, pieces: int) -> tuple[np.ndarray, np.ndarray]:
    """A straight strip along x."""
    along = np.linspace(0, length, pieces + 1)
    return strip(*(np.stack([along, np.full_like(along, y)], axis=1) for y in (0.0, width)))


def ring(outer: float, inner: float, *, pieces: int) -> tuple[np.ndarray, np.ndarray]:
    """A closed strip around the origin; with four pieces a square frame."""
    angle = np.arange(pieces) * (2 * np.pi / pieces) + np.pi / 4
    round_ = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    uv, faces = strip(*(radius * np.concatenate([round_, round_[:1]]) for radius in (outer, inner)))
    # The first and the last points are the same.
    last = pieces
    faces = np.where(faces == last, 0, np.where(faces == 2 * last + 1, last + 1, faces))
    return uv, faces


def together(*charts: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Several charts as one mesh."""
    start = np.cumsum([0] + [len(uv) for uv, _ in charts])
    uv = np.concatenate([uv for uv, _ in charts])
    return uv, np.concatenate([faces + first for (_, faces), first in zip(charts, start, strict=False)])
