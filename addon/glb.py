"""Reading the GLB of a finished job with numpy alone.

Only the layout that the backend writes is read: one mesh with one triangle primitive that has
positions, normals, texture coordinates and indices, one or two embedded PNGs (colours, a normal map),
and no node transforms. Anything else is an error, so that a mesh is never imported half right.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import MeshFileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAGIC = 0x46546C67
_CHUNK_JSON = 0x4E4F534A
_CHUNK_BIN = 0x004E4942
_COMPONENTS = {5121: np.dtype("<u1"), 5123: np.dtype("<u2"), 5125: np.dtype("<u4")}
_FLOAT = {5126: np.dtype("<f4")}
_WIDTH = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}
_TRANSFORMS = ("matrix", "translation", "rotation", "scale")


@dataclass(frozen=True, kw_only=True, slots=True)
class GlbMesh:
    """One textured triangle mesh in Blender's frame: +Z up, the front towards -Y."""

    positions: "NDArray[np.float32]"
    """Vertices, n x 3; vertices on a texture seam appear once for each side."""
    uvs: "NDArray[np.float32]"
    """Texture coordinates, n x 2, with the origin at the bottom left as Blender has it."""
    triangles: "NDArray[np.int32]"
    """Vertex indices, f x 3, counter-clockwise seen from outside."""
    texture_png: bytes
    normal_png: bytes | None = None
    """Tangent-space normals, +Y up, or None where the mesh needs none."""


def read_glb(path: Path) -> GlbMesh:
    """Read a mesh and its texture.

    Raises:
        MeshFileError: the file is missing, damaged or of another layout.
    """
    try:
        return _mesh_from(*_chunks(path.read_bytes()))
    except OSError as error:
        raise MeshFileError(f"Cannot read {path}: {error.strerror}") from error
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, struct.error) as error:
        raise MeshFileError(f"{path.name} is not a mesh made by One2345 ({error})") from error


def z_up_from_gltf(
    vectors: "NDArray[np.float32]",
) -> "NDArray[np.float32]":
    """Turn glTF's +Y up, +Z front into Blender's +Z up, -Y front."""
    return np.stack([vectors[:, 0], -vectors[:, 2], vectors[:, 1]], axis=1)


def _chunks(data: bytes) -> tuple[dict[str, object], bytes]:
    magic, version, length = struct.unpack_from("<III", data)
    if (magic, version, length) != (_MAGIC, 2, len(data)):
        raise ValueError("wrong header")
    json_length, json_kind = struct.unpack_from("<II", data, 12)
    bin_start = 20 + json_length
    bin_length, bin_kind = struct.unpack_from("<II", data, bin_start)
    if (json_kind, bin_kind) != (_CHUNK_JSON, _CHUNK_BIN):
        raise ValueError("wrong chunks")
    return json.loads(data[20:bin_start]), data[bin_start + 8 : bin_start + 8 + bin_length]


def _mesh_from(tree: Mapping, binary: bytes) -> GlbMesh:
    (mesh,) = tree["meshes"]
    (primitive,) = mesh["primitives"]
    (material,) = tree["materials"]
    if primitive.get("mode", 4) != 4:
        raise ValueError("not made of triangles")
    if any(key in node for node in tree["nodes"] for key in _TRANSFORMS):
        raise ValueError("node transforms")
    attributes = primitive["attributes"]
    positions = _accessor(tree, binary, attributes["POSITION"], _FLOAT, "VEC3")
    uvs = _accessor(tree, binary, attributes["TEXCOORD_0"], _FLOAT, "VEC2")
    indices = _accessor(tree, binary, primitive["indices"], _COMPONENTS, "SCALAR")
    _check(positions, uvs, indices)
    return GlbMesh(
        positions=z_up_from_gltf(positions.astype(np.float32)),
        uvs=np.stack([uvs[:, 0], 1.0 - uvs[:, 1]], axis=1).astype(np.float32),
        triangles=indices.reshape(-1, 3).astype(np.int32),
        texture_png=_picture(tree, binary, material["pbrMetallicRoughness"]["baseColorTexture"]),
        normal_png=_picture(tree, binary, material["normalTexture"]) if "normalTexture" in material else None,
    )


def _picture(tree: Mapping, binary: bytes, texture: Mapping) -> bytes:
    image = tree["images"][tree["textures"][texture["index"]]["source"]]
    if image["mimeType"] != "image/png":
        raise ValueError("texture is not a PNG")
    return _view(tree, binary, image["bufferView"])


def _accessor(
    tree: Mapping, binary: bytes, index: int, components: Mapping[int, np.dtype], kind: str
) -> "NDArray":
    accessor = tree["accessors"][index]
    if accessor["type"] != kind or "sparse" in accessor:
        raise ValueError(f"accessor {index} is not a plain {kind}")
    if "byteStride" in tree["bufferViews"][accessor["bufferView"]]:
        raise ValueError("interleaved data")
    dtype = components[accessor["componentType"]]
    flat = np.frombuffer(
        _view(tree, binary, accessor["bufferView"]),
        dtype,
        count=accessor["count"] * _WIDTH[kind],
        offset=accessor.get("byteOffset", 0),
    )
    return flat.reshape(-1, _WIDTH[kind])


def _view(tree: Mapping, binary: bytes, index: int) -> bytes:
    view = tree["bufferViews"][index]
    start = view.get("byteOffset", 0)
    data = binary[start : start + view["byteLength"]]
    if view.get("buffer", 0) != 0 or len(data) != view["byteLength"]:
        raise ValueError("data is cut short")
    return data


def _check(positions: "NDArray", uvs: "NDArray", indices: "NDArray") -> None:
    if len(positions) == 0 or len(indices) == 0 or len(indices) % 3:
        raise ValueError("no triangles")
    if len(uvs) != len(positions) or int(indices.max()) >= len(positions):
        raise ValueError("indices do not fit the vertices")
    if not (np.isfinite(positions).all() and np.isfinite(uvs).all()):
        raise ValueError("coordinates are not finite")
