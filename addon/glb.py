"""Reading the GLB of a finished job with numpy alone.

Only the layout that the backend writes is read: one mesh with one triangle primitive that has
positions, normals, texture coordinates and indices, one or two embedded PNGs (colours, a normal map),
and no node transforms. Anything else is an error, so that a mesh is never imported half right.
"""

import io
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from .errors import MeshFileError
from .steps import Steps, finish

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAGIC = 0x46546C67
_CHUNK_JSON = 0x4E4F534A
_CHUNK_BIN = 0x004E4942
_COMPONENTS = {5121: np.dtype("<u1"), 5123: np.dtype("<u2"), 5125: np.dtype("<u4")}
_FLOAT = {5126: np.dtype("<f4")}
_WIDTH = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}
_STEP_BYTES = 1 << 19
"""Read in one step; new memory costs more than what is read into it."""
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
    """Do all of `read_steps` at once.

    Raises:
        MeshFileError: the file is missing, damaged or of another layout.
    """
    return finish(read_steps(path))


def read_steps(path: Path) -> Steps[GlbMesh]:
    """Read a mesh and its texture in steps, as those of preset high have 11 MB.

    Raises:
        MeshFileError: the file is missing, damaged or of another layout.
    """
    try:
        with path.open("rb") as file:
            return (yield from _mesh_from(_Container(file)))
    except OSError as error:
        raise MeshFileError(f"Cannot read {path}: {error.strerror}") from error
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, struct.error) as error:
        raise MeshFileError(f"{path.name} is not a mesh made by One2345 ({error})") from error


def z_up_from_gltf(
    vectors: "NDArray[np.float32]",
) -> "NDArray[np.float32]":
    """Turn glTF's +Y up, +Z front into Blender's +Z up, -Y front."""
    return np.stack([vectors[:, 0], -vectors[:, 2], vectors[:, 1]], axis=1)


class _Container:
    """An open file: its tree, and its binary part that is read bit by bit."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        length = os.fstat(file.fileno()).st_size
        magic, version, wanted, json_length, json_kind = struct.unpack("<5I", file.read(20))
        if (magic, version, wanted) != (_MAGIC, 2, length) or json_length > length:
            raise ValueError("wrong header")
        self.tree: Mapping = json.loads(file.read(json_length))
        self._bin_length, bin_kind = struct.unpack("<2I", file.read(8))
        if (json_kind, bin_kind) != (_CHUNK_JSON, _CHUNK_BIN):
            raise ValueError("wrong chunks")
        self._bin_start = file.tell()

    def view(self, index: int) -> Steps[bytes]:
        """The bytes of a buffer view."""
        view = self.tree["bufferViews"][index]
        start, length = view.get("byteOffset", 0), view["byteLength"]
        if view.get("buffer", 0) != 0 or min(start, length) < 0 or start + length > self._bin_length:
            raise ValueError("data is cut short")
        self._file.seek(self._bin_start + start)
        # Room for all of it from the start, so that it is never moved or copied.
        room = io.BytesIO(bytes(length))
        for begin in range(0, length, _STEP_BYTES):
            with room.getbuffer() as whole, whole[begin : begin + _STEP_BYTES] as part:
                if self._file.readinto(part) != len(part):
                    raise ValueError("data is cut short")
            yield
        return room.getvalue()


def _mesh_from(file: _Container) -> Steps[GlbMesh]:
    tree = file.tree
    (mesh,) = tree["meshes"]
    (primitive,) = mesh["primitives"]
    (material,) = tree["materials"]
    if primitive.get("mode", 4) != 4:
        raise ValueError("not made of triangles")
    if any(key in node for node in tree["nodes"] for key in _TRANSFORMS):
        raise ValueError("node transforms")
    attributes = primitive["attributes"]
    positions = yield from _accessor(file, attributes["POSITION"], _FLOAT, "VEC3")
    uvs = yield from _accessor(file, attributes["TEXCOORD_0"], _FLOAT, "VEC2")
    indices = yield from _accessor(file, primitive["indices"], _COMPONENTS, "SCALAR")
    _check(positions, uvs, indices)
    yield
    texture = yield from _picture(file, material["pbrMetallicRoughness"]["baseColorTexture"])
    normals = (yield from _picture(file, material["normalTexture"])) if "normalTexture" in material else None
    return GlbMesh(
        positions=z_up_from_gltf(positions.astype(np.float32)),
        uvs=np.stack([uvs[:, 0], 1.0 - uvs[:, 1]], axis=1).astype(np.float32),
        triangles=indices.reshape(-1, 3).astype(np.int32),
        texture_png=texture,
        normal_png=normals,
    )


def _picture(file: _Container, texture: Mapping) -> Steps[bytes]:
    tree = file.tree
    image = tree["images"][tree["textures"][texture["index"]]["source"]]
    if image["mimeType"] != "image/png":
        raise ValueError("texture is not a PNG")
    return (yield from file.view(image["bufferView"]))


def _accessor(
    file: _Container, index: int, components: Mapping[int, np.dtype], kind: str
) -> "Steps[NDArray]":
    accessor = file.tree["accessors"][index]
    if accessor["type"] != kind or "sparse" in accessor:
        raise ValueError(f"accessor {index} is not a plain {kind}")
    if "byteStride" in file.tree["bufferViews"][accessor["bufferView"]]:
        raise ValueError("interleaved data")
    data = yield from file.view(accessor["bufferView"])
    flat = np.frombuffer(
        data,
        components[accessor["componentType"]],
        count=accessor["count"] * _WIDTH[kind],
        offset=accessor.get("byteOffset", 0),
    )
    return flat.reshape(-1, _WIDTH[kind])


def _check(positions: "NDArray", uvs: "NDArray", indices: "NDArray") -> None:
    if len(positions) == 0 or len(indices) == 0 or len(indices) % 3:
        raise ValueError("no triangles")
    if len(uvs) != len(positions) or int(indices.max()) >= len(positions):
        raise ValueError("indices do not fit the vertices")
    if not (np.isfinite(positions).all() and np.isfinite(uvs).all()):
        raise ValueError("coordinates are not finite")
