"""Writing a mesh with texture coordinates as GLB, for the backend to paint."""

import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAGIC, _JSON, _BIN = 0x46546C67, 0x4E4F534A, 0x004E4942
_FLOAT, _UINT = 5126, 5125
_VERTEX_BUFFER, _INDEX_BUFFER = 34962, 34963


def write_glb(
    path: Path,
    points: "NDArray[np.floating]",
    triangles: "NDArray[np.int32]",
    corner_uvs: "NDArray[np.float32]",
) -> None:
    """Write a mesh: vertices (n, 3) with +Z up and the front to -Y, triangles (f, 3), coordinates (3 f, 2).

    glTF keeps texture coordinates by vertex, so vertices are repeated along the seams.

    Raises:
        OSError: the file cannot be written.
    """
    corners = np.column_stack([triangles.reshape(-1), corner_uvs.view(np.int32)])
    rows, index = np.unique(corners, axis=0, return_inverse=True)
    positions = points[rows[:, 0]].astype("<f4")
    positions = np.stack([positions[:, 0], positions[:, 2], -positions[:, 1]], axis=1)
    uvs = np.ascontiguousarray(rows[:, 1:].astype(np.int32)).view(np.float32)
    uvs = np.stack([uvs[:, 0], 1 - uvs[:, 1]], axis=1).astype("<f4")
    arrays = [
        (positions, "VEC3", _FLOAT, _VERTEX_BUFFER),
        (uvs, "VEC2", _FLOAT, _VERTEX_BUFFER),
        (index.reshape(-1).astype("<u4"), "SCALAR", _UINT, _INDEX_BUFFER),
    ]
    path.write_bytes(_container(*_tree(arrays)))


def _tree(arrays: list[tuple["NDArray", str, int, int]]) -> tuple[dict[str, object], bytes]:
    binary, views, accessors = b"", [], []
    for array, kind, component, target in arrays:
        data = array.tobytes()
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(data), "target": target})
        accessor: dict[str, object] = {
            "bufferView": len(accessors),
            "componentType": component,
            "count": len(array),
            "type": kind,
        }
        if kind == "VEC3":
            accessor |= {"min": array.min(axis=0).tolist(), "max": array.max(axis=0).tolist()}
        accessors.append(accessor)
        binary += data
    primitive = {"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "mode": 4}
    tree: dict[str, object] = {
        "asset": {"version": "2.0", "generator": "One2345"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "buffers": [{"byteLength": len(binary)}],
        "bufferViews": views,
        "accessors": accessors,
    }
    return tree, binary


def _container(tree: dict[str, object], binary: bytes) -> bytes:
    text = json.dumps(tree, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    length = 12 + 8 + len(text) + 8 + len(binary)
    return b"".join(
        [
            struct.pack("<III", _MAGIC, 2, length),
            struct.pack("<II", len(text), _JSON),
            text,
            struct.pack("<II", len(binary), _BIN),
            binary,
        ]
    )
