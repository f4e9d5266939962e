"""Writing meshes as binary glTF, and the step between glTF's frame and ours.

glTF: +Y up, an object's front to +Z, colours in linear light. Here: +Z up, front to -Y, sRGB.
One mesh of one primitive under one node without transforms: the layout `addon/glb.py` reads. Equal
input gives equal bytes. `glb_reader.py` has the way back.
"""

import io
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from backend.geometry.colour import linear_from_srgb
from backend.geometry.glb_reader import read_glb, read_textured_glb
from backend.geometry.meshes import Mesh, TexturedMesh, vertex_normals
from backend.geometry.normal_map import vertex_tangents
from backend.storage import writing_errors

__all__ = [
    "ROUGHNESS",
    "encode_glb",
    "gltf_from_z_up",
    "png_bytes",
    "read_glb",
    "read_textured_glb",
    "write_glb",
]

GENERATOR = "One2345"
ROUGHNESS = 0.6
"""Roughness of the one material: neither plastic nor chalk, since nothing is known about it."""

_FLOAT, _UINT = 5126, 5125
_VERTEX_BUFFER, _INDEX_BUFFER = 34962, 34963


def write_glb(mesh: Mesh | TexturedMesh, path: Path, *, extras: Mapping[str, object]) -> None:
    """Write a mesh with its texture or its vertex colours; `extras` (JSON values) go onto the node.

    Raises:
        StorageError: the file cannot be written.
    """
    data = encode_glb(mesh, extras=extras)
    with writing_errors(path):
        path.write_bytes(data)


def encode_glb(mesh: Mesh | TexturedMesh, *, extras: Mapping[str, object]) -> bytes:
    """The bytes of `write_glb`."""
    pictures = [] if isinstance(mesh, Mesh) else [mesh.texture]
    if isinstance(mesh, TexturedMesh) and mesh.normal_map is not None:
        pictures.append(mesh.normal_map)
    # Packing leaves Python's lock alone.
    with ThreadPoolExecutor(max_workers=2) as threads:
        packed = [threads.submit(png_bytes, picture) for picture in pictures]
        parts, primitive = _primitive(mesh)
        files = [picture.result() for picture in packed]
    tree = {
        "asset": {"version": "2.0", "generator": GENERATOR},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": GENERATOR, "extras": dict(extras)}],
        "meshes": [{"name": GENERATOR, "primitives": [primitive]}],
        **_material(parts, files),
    }
    return parts.pack(tree)


def _primitive(mesh: Mesh | TexturedMesh) -> tuple["_Parts", dict[str, object]]:
    """The mesh's arrays, and where each of them is."""
    parts = _Parts()
    attributes = {
        "POSITION": parts.add_array(gltf_from_z_up(mesh.vertices), "VEC3", _VERTEX_BUFFER, with_box=True),
    }
    normals = mesh.normals if isinstance(mesh, TexturedMesh) else vertex_normals(mesh)
    attributes["NORMAL"] = parts.add_array(gltf_from_z_up(normals), "VEC3", _VERTEX_BUFFER)
    if isinstance(mesh, TexturedMesh):
        attributes["TEXCOORD_0"] = parts.add_array(mesh.uv, "VEC2", _VERTEX_BUFFER)
        if mesh.normal_map is not None:
            attributes["TANGENT"] = parts.add_array(_gltf_tangents(mesh), "VEC4", _VERTEX_BUFFER)
    elif mesh.colours is not None:
        linear = linear_from_srgb(mesh.colours)
        attributes["COLOR_0"] = parts.add_array(linear, "VEC3", _VERTEX_BUFFER)
    indices = parts.add_array(mesh.faces.astype(np.uint32).reshape(-1), "SCALAR", _INDEX_BUFFER)
    return parts, {"attributes": attributes, "indices": indices, "material": 0, "mode": 4}


def gltf_from_z_up(vectors: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Turn our +Z up, front -Y into glTF's +Y up, front +Z."""
    return np.stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]], axis=1)


def png_bytes(texture: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """A picture as PNG."""
    stream = io.BytesIO()
    # Of what the filters leave little repeats but runs: looking for these alone takes half the time of level
    # 4, and files are 5 to 8 % smaller.
    Image.fromarray(texture).save(stream, "PNG", compress_type=zlib.Z_RLE)
    return stream.getvalue()


def _gltf_tangents(mesh: TexturedMesh) -> Float[np.ndarray, "n 4"]:
    tangents = vertex_tangents(mesh)
    return np.concatenate([gltf_from_z_up(tangents[:, :3]), tangents[:, 3:]], axis=1)


def _material(parts: "_Parts", files: Sequence[bytes]) -> dict[str, object]:
    """The one material; `files` are its texture and its normal map, where it has them."""
    surface: dict[str, object] = {"metallicFactor": 0.0, "roughnessFactor": ROUGHNESS}
    material: dict[str, object] = {"name": GENERATOR, "pbrMetallicRoughness": surface}
    tree: dict[str, object] = {"materials": [material]}
    if not files:
        return tree
    for owner, key, number in ((surface, "baseColorTexture", 0), (material, "normalTexture", 1)):
        if number < len(files):
            owner[key] = {"index": number}
    tree["images"] = [{"bufferView": parts.add_view(data, None), "mimeType": "image/png"} for data in files]
    tree["samplers"] = [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}]
    tree["textures"] = [{"source": number, "sampler": 0} for number in range(len(files))]
    return tree


@dataclass(slots=True)
class _Parts:
    """The binary chunk as it grows, with the tables that describe it."""

    data: bytearray = field(default_factory=bytearray)
    views: list[dict[str, object]] = field(default_factory=list)
    accessors: list[dict[str, object]] = field(default_factory=list)

    def add_view(self, data: bytes, target: int | None) -> int:
        view: dict[str, object] = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data)}
        self.views.append(view if target is None else {**view, "target": target})
        self.data += data
        self.data += bytes(-len(self.data) % 4)
        return len(self.views) - 1

    def add_array(self, values: np.ndarray, kind: str, target: int, *, with_box: bool = False) -> int:
        is_index = values.dtype == np.uint32
        plain = np.ascontiguousarray(values, dtype="<u4" if is_index else "<f4")
        accessor: dict[str, object] = {
            "bufferView": self.add_view(plain.tobytes(), target),
            "componentType": _UINT if is_index else _FLOAT,
            "count": len(plain),
            "type": kind,
        }
        if with_box:
            accessor |= {"min": _floats(plain.min(axis=0)), "max": _floats(plain.max(axis=0))}
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def pack(self, tree: dict[str, object]) -> bytes:
        tree |= {
            "accessors": self.accessors,
            "bufferViews": self.views,
            "buffers": [{"byteLength": len(self.data)}],
        }
        text = json.dumps(tree, separators=(",", ":"), allow_nan=False, sort_keys=True).encode("ascii")
        text += b" " * (-len(text) % 4)
        length = 12 + 8 + len(text) + 8 + len(self.data)
        return b"".join(
            [
                struct.pack("<4sII", b"glTF", 2, length),
                struct.pack("<I4s", len(text), b"JSON"),
                text,
                struct.pack("<I4s", len(self.data), b"BIN\0"),
                bytes(self.data),
            ]
        )


def _floats(values: Sequence[float] | np.ndarray) -> list[float]:
    return [float(value) for value in values]
