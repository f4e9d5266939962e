"""Integer arrays and triangle lists as small byte strings.

Neighbours in a mesh are alike, so differences are stored; their bytes are split into planes, since the high
ones are nearly all zero, and compressed by LZMA. Triangles use the code of the highest index so far:
0 is a vertex not seen before, k the one that came k before it (Gumhold's "high water mark").
"""

import lzma

import numpy as np
from jaxtyping import Int

PLANES = 4
FILTERS = ({"id": lzma.FILTER_LZMA2, "preset": 7, "lc": 0, "lp": 0, "pb": 0},)


def encode_differences(values: Int[np.ndarray, "n c"]) -> bytes:
    """Store columns of 32-bit integers that change little from row to row."""
    steps = np.diff(values.astype(np.int64), axis=0, prepend=0)
    return encode(steps.T.reshape(-1))


def decode_differences(data: bytes, columns: int) -> Int[np.ndarray, "n c"]:
    """The inverse of `encode_differences`."""
    return np.cumsum(decode(data).reshape(columns, -1), axis=1).T


def encode(values: Int[np.ndarray, " n"]) -> bytes:
    """Store signed integers of less than 32 bits, best when most are small."""
    values = values.astype(np.int64)
    folded = np.where(values < 0, -2 * values - 1, 2 * values).astype("<u4")
    planes = folded.view(np.uint8).reshape(-1, PLANES).T
    return lzma.compress(np.ascontiguousarray(planes).tobytes(), lzma.FORMAT_XZ, filters=list(FILTERS))


def decode(data: bytes) -> Int[np.ndarray, " n"]:
    """The inverse of `encode`."""
    planes = np.frombuffer(lzma.decompress(data), np.uint8).reshape(PLANES, -1)
    folded = np.ascontiguousarray(planes.T).view("<u4").reshape(-1).astype(np.int64)
    return np.where(folded % 2 == 1, -(folded + 1) // 2, folded // 2)


def first_use_order(faces: Int[np.ndarray, "f 3"]) -> tuple[Int[np.ndarray, "f 3"], Int[np.ndarray, " v"]]:
    """Renumber vertices in the order in which the faces name them.

    Returns:
        The renumbered faces, and the old index of each new vertex; vertices that no face uses drop out.
    """
    old, first, inverse = np.unique(faces.reshape(-1), return_index=True, return_inverse=True)
    order = np.argsort(first)
    new = np.empty_like(order)
    new[order] = np.arange(len(order))
    return new[inverse.reshape(-1)].reshape(-1, 3), old[order]


def encode_faces(faces: Int[np.ndarray, "f 3"]) -> bytes:
    """Store faces whose vertices are numbered in the order of first use."""
    index = faces.reshape(-1).astype(np.int64)
    seen = np.maximum.accumulate(np.concatenate([[-1], index[:-1]])) + 1
    return encode(seen - index)


def decode_faces(data: bytes) -> Int[np.ndarray, "f 3"]:
    """The inverse of `encode_faces`."""
    code = decode(data)
    is_new = code == 0
    seen = np.cumsum(is_new) - is_new
    return (seen - code).reshape(-1, 3)
