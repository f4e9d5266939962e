"""Decoding the parts of a binary glTF file: chunks, accessors, pictures, node transforms.

Written for files from anywhere: every count is checked against the bytes that are there before anything
is allocated, and every fault becomes one `InputError`. Still in glTF's frame and in linear light.
"""

import base64
import binascii
import io
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image, UnidentifiedImageError

from backend.errors import InputError

MAX_PICTURE_PIXELS = 8192 * 8192
MAX_ELEMENTS = 1 << 27
"""Longest accessor without data of its own (all zeros), so that a number alone fills no memory."""

_COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
_TRIANGLES, _STRIP, _FAN = 4, 5, 6

Tree = dict


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One triangle primitive, placed in the scene.

    Attributes:
        positions: Vertices in glTF's frame.
        faces: Counter-clockwise seen from outside, also under a mirroring transform.
        uv: Texture coordinates of the base colour, without a texture the first ones; top left origin.
        colours: COLOR_0 in linear light.
        factor: Base colour in linear light.
        texture: sRGB pixels of the base colour.
    """

    positions: Float[np.ndarray, "v 3"]
    faces: Int[np.ndarray, "f 3"]
    uv: Float[np.ndarray, "v 2"] | None
    colours: Float[np.ndarray, "v 3"] | None
    factor: Float[np.ndarray, " 3"]
    texture: UInt8[np.ndarray, "h w 3"] | None


class Gltf:
    """An opened file."""

    def __init__(self, data: bytes) -> None:
        self.tree, self.binary = _chunks(data)
        self._buffers: dict[int, bytes] = {}
        self._pictures: dict[int, np.ndarray] = {}
        required = self.tree.get("extensionsRequired", [])
        compressed = sorted({"KHR_draco_mesh_compression", "EXT_meshopt_compression"} & set(required))
        if compressed:
            raise InputError(f"it is compressed with {compressed[0]}; export it without compression")

    def parts(self) -> Iterator[Part]:
        """All triangle primitives of the file's scene."""
        for mesh, world in self._placed_meshes():
            for primitive in self.tree["meshes"][mesh]["primitives"]:
                if primitive.get("mode", _TRIANGLES) in (_TRIANGLES, _STRIP, _FAN):
                    yield self._part(primitive, world)

    def accessor(self, index: int) -> np.ndarray:
        """Values of an accessor, count x width; normalised integers become floats in [0, 1] or [-1, 1]."""
        accessor = self.tree["accessors"][_index(index)]
        dtype, width = np.dtype(_COMPONENTS[accessor["componentType"]]), _WIDTHS[accessor["type"]]
        count = _index(accessor["count"])
        if "bufferView" in accessor:
            values = self._elements(accessor, dtype, width, count)
        elif count * width <= MAX_ELEMENTS:
            values = np.zeros((count, width), dtype)
        else:
            raise ValueError(f"an accessor of {count} elements")
        if "sparse" in accessor:
            values = self._with_sparse(values, accessor["sparse"])
        if accessor.get("normalized") and dtype.kind != "f":
            values = np.maximum(values.astype(np.float32) / np.iinfo(dtype).max, -1)
        return values

    def picture(self, index: int) -> UInt8[np.ndarray, "h w 3"]:
        """Pixels of a picture, without its alpha."""
        if index not in self._pictures:
            source = self.tree["images"][_index(index)]
            data = self._view(source["bufferView"]) if "bufferView" in source else _from_uri(source["uri"])
            self._pictures[index] = _decode_picture(data)
        return self._pictures[index]

    def _part(self, primitive: Tree, world: Float[np.ndarray, "4 4"]) -> Part:
        attributes = primitive["attributes"]
        positions = self.accessor(attributes["POSITION"]).astype(np.float64)
        if not np.array_equal(world, np.eye(4)):
            positions = positions @ world[:3, :3].T + world[:3, 3]
        if positions.shape[1] != 3 or not np.isfinite(positions).all():
            raise ValueError("positions that are not finite")
        if "indices" in primitive:
            flat = self.accessor(primitive["indices"]).reshape(-1).astype(np.int64)
        else:
            flat = np.arange(len(positions))
        faces = _triangles(flat, primitive.get("mode", _TRIANGLES))
        if faces.size and not 0 <= faces.min() <= faces.max() < len(positions):
            raise ValueError("indices beyond the vertices")
        if np.linalg.det(world[:3, :3]) < 0:
            faces = faces[:, ::-1]
        factor, texture, uv = self._surface(primitive)
        colours = (
            self.accessor(attributes["COLOR_0"])[:, :3].astype(np.float64)
            if "COLOR_0" in attributes
            else None
        )
        for values in (uv, colours):
            if values is not None and (len(values) != len(positions) or not np.isfinite(values).all()):
                raise ValueError("attributes that do not fit the vertices")
        return Part(positions, np.ascontiguousarray(faces), uv, colours, factor, texture)

    def _surface(
        self, primitive: Tree
    ) -> tuple[Float[np.ndarray, " 3"], UInt8[np.ndarray, "h w 3"] | None, Float[np.ndarray, "v 2"] | None]:
        """Base colour factor, texture and its coordinates."""
        material = self.tree["materials"][_index(primitive["material"])] if "material" in primitive else {}
        surface = material.get("pbrMetallicRoughness", {})
        old = material.get("extensions", {}).get("KHR_materials_pbrSpecularGlossiness", {})
        factor = np.array(
            surface.get("baseColorFactor", old.get("diffuseFactor", [1, 1, 1, 1]))[:3], np.float64
        )
        info = surface.get("baseColorTexture", old.get("diffuseTexture")) or {}
        name = f"TEXCOORD_{_index(info.get('texCoord', 0))}"
        if name not in primitive["attributes"]:
            return factor, None, None
        uv = self.accessor(primitive["attributes"][name])[:, :2].astype(np.float64)
        source = self.tree["textures"][_index(info["index"])].get("source") if info else None
        if source is None:
            return factor, None, uv
        return (
            factor,
            self.picture(source),
            _moved(uv, info.get("extensions", {}).get("KHR_texture_transform", {})),
        )

    def _placed_meshes(self) -> list[tuple[int, Float[np.ndarray, "4 4"]]]:
        """Mesh indices with the transforms of the nodes that show them."""
        nodes = self.tree.get("nodes", [])
        if not nodes:
            return [(index, np.eye(4)) for index in range(len(self.tree["meshes"]))]
        scenes = self.tree.get("scenes", [])
        inner = {child for node in nodes for child in node.get("children", [])}
        roots = [index for index in range(len(nodes)) if index not in inner]
        if scenes:
            roots = scenes[_index(self.tree.get("scene", 0))].get("nodes", [])
        placed, visits = [], 0
        waiting = [(index, np.eye(4)) for index in reversed(roots)]
        while waiting:
            index, parent = waiting.pop()
            visits += 1
            if visits > len(nodes):  # a node has one parent at most
                raise ValueError("nodes that contain each other")
            node = nodes[_index(index)]
            world = parent @ _local(node)
            if "mesh" in node:
                placed.append((_index(node["mesh"]), world))
            waiting.extend((child, world) for child in reversed(node.get("children", [])))
        return placed

    def _elements(self, accessor: Tree, dtype: np.dtype, width: int, count: int) -> np.ndarray:
        view = self.tree["bufferViews"][_index(accessor["bufferView"])]
        data, start = self._view(accessor["bufferView"]), _index(accessor.get("byteOffset", 0))
        row = dtype.itemsize * width
        stride = _index(view.get("byteStride", row))
        if count == 0:
            return np.zeros((0, width), dtype)
        if stride < row or start + stride * (count - 1) + row > len(data):
            raise ValueError("data that is cut short")
        values = np.ndarray((count, width), dtype, data, start, (stride, dtype.itemsize))
        return np.ascontiguousarray(values)

    def _with_sparse(self, values: np.ndarray, sparse: Tree) -> np.ndarray:
        count = _index(sparse["count"])
        where = self._elements(
            sparse["indices"], np.dtype(_COMPONENTS[sparse["indices"]["componentType"]]), 1, count
        )
        changed = values.copy()
        changed[where[:, 0]] = self._elements(sparse["values"], values.dtype, values.shape[1], count)
        return changed

    def _view(self, index: int) -> bytes:
        view = self.tree["bufferViews"][_index(index)]
        start, length = _index(view.get("byteOffset", 0)), _index(view["byteLength"])
        data = self._buffer(_index(view.get("buffer", 0)))
        if start + length > len(data):
            raise ValueError("data that is cut short")
        return data[start : start + length]

    def _buffer(self, index: int) -> bytes:
        buffer = self.tree["buffers"][index]
        if "uri" not in buffer:
            return self.binary
        if index not in self._buffers:
            self._buffers[index] = _from_uri(buffer["uri"])
        return self._buffers[index]


def _index(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} where a count belongs")
    return value


def _chunks(data: bytes) -> tuple[Tree, bytes]:
    """The JSON tree and the binary chunk (empty where there is none)."""
    magic, version, length = struct.unpack_from("<4sII", data)
    if magic != b"glTF" or version != 2:
        raise InputError("it is not a binary glTF 2 file; export it as .glb")
    if length > len(data):
        raise ValueError(f"{len(data)} of {length} bytes")
    chunks, at = {}, 12
    while at + 8 <= length:
        size, kind = struct.unpack_from("<I4s", data, at)
        if at + 8 + size > length:
            raise ValueError("a chunk that is cut short")
        chunks.setdefault(kind, data[at + 8 : at + 8 + size])
        at += 8 + size
    tree = json.loads(chunks[b"JSON"])
    if not isinstance(tree, dict):
        raise TypeError("its description is not an object")
    return tree, chunks.get(b"BIN\0", b"")


def _from_uri(uri: str) -> bytes:
    if not uri.startswith("data:") or ";base64," not in uri:
        raise InputError("it needs other files; export it as one .glb with everything inside")
    try:
        return base64.b64decode(uri.split(";base64,", 1)[1], validate=True)
    except binascii.Error as error:
        raise ValueError(f"embedded data: {error}") from error


def _decode_picture(data: bytes) -> UInt8[np.ndarray, "h w 3"]:
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PICTURE_PIXELS:
                raise ValueError(f"a texture of {image.width} × {image.height} pixels")
            return np.asarray(image.convert("RGB"))
    except (OSError, UnidentifiedImageError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"a texture that cannot be read: {error}") from error


def _triangles(flat: Int[np.ndarray, " n"], mode: int) -> Int[np.ndarray, "f 3"]:
    if mode == _TRIANGLES:
        return flat[: len(flat) // 3 * 3].reshape(-1, 3)
    if len(flat) < 3:
        return np.zeros((0, 3), dtype=np.int64)
    if mode == _FAN:
        return np.stack([np.broadcast_to(flat[0], len(flat) - 2), flat[1:-1], flat[2:]], axis=1)
    faces = np.stack([flat[:-2], flat[1:-1], flat[2:]], axis=1)
    faces[1::2] = faces[1::2, [1, 0, 2]]
    return faces


def _local(node: Tree) -> Float[np.ndarray, "4 4"]:
    """A node's own transform, column vectors."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = (float(value) for value in node.get("rotation", (0, 0, 0, 1)))
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    local = np.eye(4)
    local[:3, :3] = rotation * np.array(node.get("scale", (1, 1, 1)), np.float64)
    local[:3, 3] = node.get("translation", (0, 0, 0))
    return local


def _moved(uv: Float[np.ndarray, "v 2"], transform: Tree) -> Float[np.ndarray, "v 2"]:
    """Texture coordinates under KHR_texture_transform."""
    if not transform:
        return uv
    angle = float(transform.get("rotation", 0))
    scaled = uv * np.array(transform.get("scale", (1, 1)), np.float64)
    cos, sin = np.cos(angle), np.sin(angle)
    return scaled @ np.array([[cos, -sin], [sin, cos]]) + np.array(
        transform.get("offset", (0, 0)), np.float64
    )
