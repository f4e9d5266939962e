"""Decoding glTF files, binary or text: buffers, accessors, pictures; `gltf_scene.py` has the scene.

Written for files from anywhere: every count is checked against the bytes that are there before anything
is allocated, and every fault becomes one `InputError`.
"""

import base64
import binascii
import io
import json
import struct
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from backend.errors import InputError

MAX_PICTURE_PIXELS = 8192 * 8192
MAX_ELEMENTS = 1 << 27
"""Longest accessor without data of its own (all zeros), so that a number alone fills no memory."""

_COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}

_COMPRESSIONS = ("KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression")
_HARMLESS = ("KHR_materials_", "KHR_texture_", "KHR_lights_", "EXT_texture_", "KHR_mesh_quantization")
"""Beginnings of the names of extensions that leave the surface alone or are understood."""

Tree = dict


class Gltf:
    """An opened file; `folder` is where files lie that it names.

    Raises:
        InputError: it cannot be used, in half a sentence to which the reader adds the file's name.
    """

    def __init__(self, data: bytes, folder: Path) -> None:
        self.tree, self.binary = _chunks(data) if data[:4] == b"glTF" else (_described(data), b"")
        self._folder = folder
        self._buffers: dict[int, bytes] = {}
        self._pictures: dict[int, np.ndarray] = {}
        _check_extensions(self.tree.get("extensionsRequired", []))

    def accessor(self, index: int) -> np.ndarray:
        """Values of an accessor, count x width; normalised integers become floats in [0, 1] or [-1, 1]."""
        accessor = self.tree["accessors"][as_index(index)]
        dtype, width = np.dtype(_COMPONENTS[accessor["componentType"]]), _WIDTHS[accessor["type"]]
        count = as_index(accessor["count"])
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
            source = self.tree["images"][as_index(index)]
            data = self._view(source["bufferView"]) if "bufferView" in source else self._file(source["uri"])
            self._pictures[index] = _decode_picture(data)
        return self._pictures[index]

    def _elements(self, accessor: Tree, dtype: np.dtype, width: int, count: int) -> np.ndarray:
        view = self.tree["bufferViews"][as_index(accessor["bufferView"])]
        data, start = self._view(accessor["bufferView"]), as_index(accessor.get("byteOffset", 0))
        row = dtype.itemsize * width
        stride = as_index(view.get("byteStride", row))
        if count == 0:
            return np.zeros((0, width), dtype)
        if stride < row or start + stride * (count - 1) + row > len(data):
            raise ValueError("data that is cut short")
        values = np.ndarray((count, width), dtype, data, start, (stride, dtype.itemsize))
        return np.ascontiguousarray(values)

    def _with_sparse(self, values: np.ndarray, sparse: Tree) -> np.ndarray:
        count = as_index(sparse["count"])
        where = self._elements(
            sparse["indices"], np.dtype(_COMPONENTS[sparse["indices"]["componentType"]]), 1, count
        )
        changed = values.copy()
        changed[where[:, 0]] = self._elements(sparse["values"], values.dtype, values.shape[1], count)
        return changed

    def _view(self, index: int) -> bytes:
        view = self.tree["bufferViews"][as_index(index)]
        refuse_compressed(view.get("extensions", {}))
        start, length = as_index(view.get("byteOffset", 0)), as_index(view["byteLength"])
        data = self._buffer(as_index(view.get("buffer", 0)))
        if start + length > len(data):
            raise ValueError("data that is cut short")
        return data[start : start + length]

    def _buffer(self, index: int) -> bytes:
        buffer = self.tree["buffers"][index]
        if "uri" not in buffer:
            return self.binary
        if index not in self._buffers:
            self._buffers[index] = self._file(buffer["uri"])
        return self._buffers[index]

    def _file(self, uri: str) -> bytes:
        """Bytes that the file holds as text, or that lie in a file beside it."""
        if uri.startswith("data:"):
            return _embedded(uri)
        inner = PurePosixPath(unquote(uri))
        if ":" in uri or inner.is_absolute() or ".." in inner.parts:
            raise InputError(
                f"it needs {inner.name} from elsewhere; export it as one .glb with everything inside"
            )
        try:
            return (self._folder / inner).read_bytes()
        except OSError as error:
            raise InputError(
                f"it needs {inner}, which is not beside it; export it as one .glb with everything inside"
            ) from error


def as_index(value: object) -> int:
    """A count or an index, checked."""
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} where a count belongs")
    return value


def _chunks(data: bytes) -> tuple[Tree, bytes]:
    """The JSON tree and the binary chunk (empty where there is none)."""
    _, version, length = struct.unpack_from("<4sII", data)
    if version != 2:
        raise InputError("it is of glTF 1; export it as .glb of glTF 2")
    if length > len(data):
        raise ValueError(f"{len(data)} of {length} bytes")
    chunks, at = {}, 12
    while at + 8 <= length:
        size, kind = struct.unpack_from("<I4s", data, at)
        if at + 8 + size > length:
            raise ValueError("a chunk that is cut short")
        chunks.setdefault(kind, data[at + 8 : at + 8 + size])
        at += 8 + size
    return _described(chunks[b"JSON"]), chunks.get(b"BIN\0", b"")


def _described(text: bytes) -> Tree:
    """The JSON tree of a file."""
    try:
        tree = json.loads(text)
    except ValueError as error:
        raise InputError("it is no glTF file, or a damaged one; export it again as .glb") from error
    version = tree.get("asset", {}).get("version") if isinstance(tree, dict) else None
    if not isinstance(version, str) or not version.startswith("2."):
        raise InputError("it is not a glTF 2 file; export it as .glb")
    return tree


def refuse_compressed(extensions: Iterable[str]) -> None:
    """Refuse what a part of a file is compressed with.

    Raises:
        InputError: when one of the extensions is a compression.
    """
    for name in _COMPRESSIONS:
        if name in extensions:
            raise InputError(f"it is compressed with {name}; export it without compression")


def _check_extensions(required: list[str]) -> None:
    refuse_compressed(required)
    strange = [name for name in required if not name.startswith(_HARMLESS)]
    if strange:
        raise InputError(f"it needs the glTF extension {strange[0]}; export it without")


def _embedded(uri: str) -> bytes:
    head, comma, text = uri.partition(",")
    if not comma or not head.endswith(";base64"):
        raise ValueError("embedded data that is not in base64")
    try:
        return base64.b64decode(text, validate=True)
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
