"""Pictures as PNG, some rows at a time; Blender's own writer takes all at once, and three times as long."""

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from .steps import Steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

BAND_ROWS = 32
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BITS, _RGBA = 8, 6
_UP = 2
"""Each row as its difference from the one above, which numpy takes of many rows at once."""
_FASTEST = 1


def encode_steps(pixels: "NDArray[np.uint8]") -> Steps[bytes]:
    """The file of a picture: height x width x 4, rows from the top down, straight alpha."""
    height, width, _ = pixels.shape
    squeezer = zlib.compressobj(_FASTEST, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    above = np.zeros(4 * width, dtype=np.uint8)
    parts = []
    for top in range(0, height, BAND_ROWS):
        rows = pixels[top : top + BAND_ROWS].reshape(-1, 4 * width)
        lines = np.full((len(rows), 1 + 4 * width), _UP, dtype=np.uint8)
        lines[:, 1:] = rows
        lines[0, 1:] -= above
        lines[1:, 1:] -= rows[:-1]
        above = rows[-1]
        parts.append(squeezer.compress(lines.tobytes()))
        yield
    parts.append(squeezer.flush())
    header = struct.pack(">IIBBBBB", width, height, _BITS, _RGBA, 0, 0, 0)
    return b"".join(
        [_SIGNATURE, _chunk(b"IHDR", header), _chunk(b"IDAT", b"".join(parts)), _chunk(b"IEND", b"")]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
