"""Reads the objects of a training folder: GLB files with base colours, into our frame.

glTF: +Y up, front +Z. Ours: +Z up, front -Y. So (x, y, z) = (X, -Z, Y).
Legend: `v` vertices, `f` faces.
"""

import io
import json
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from backend.errors import InputError
from backend.train.colours import linear_from_srgb, srgb_from_linear

MAGIC, JSON_CHUNK = 0x46546C67, 0x4E4F534A
COMPONENTS = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
MIXED_SHARE = 0.15
"""An object with a larger share of half cut-out area is not used: shapes know no cut-outs."""

PROBES = np.array([[4, 1, 1], [1, 4, 1], [1, 1, 4], [2, 2, 2]]) / 6
"""Barycentric coordinates of the points of a face where cut-outs are looked for."""


@dataclass(frozen=True, slots=True, eq=False)
class ObjectMesh:
    """A textured object in generation space; faces are sorted by their texture.

    Attributes:
        vertices: Positions; vertices are repeated along the seams of the unwrap.
        uv: Texture coordinates, (0, 0) at the top left corner; textures repeat outside [0, 1].
        faces: Indices into `vertices`.
        runs: Number of faces of each texture.
        textures: sRGB pixels.
    """

    vertices: Float[np.ndarray, "v 3"]
    uv: Float[np.ndarray, "v 2"]
    faces: Int[np.ndarray, "f 3"]
    runs: tuple[int, ...]
    textures: tuple[UInt8[np.ndarray, "_h _w 3"], ...]


class _Glb:
    """The JSON and the accessors of one file."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        try:
            magic, _, _, length, kind = struct.unpack_from("<5I", data)
            self.tree = json.loads(data[20 : 20 + length])
        except (struct.error, ValueError) as error:
            raise InputError(f"{path.name} is not a GLB file") from error
        if magic != MAGIC or kind != JSON_CHUNK:
            raise InputError(f"{path.name} is not a GLB file")
        self.name = path.name
        self._binary = memoryview(data)[28 + length :]

    def view(self, index: int) -> memoryview:
        view = self.tree["bufferViews"][index]
        start = view.get("byteOffset", 0)
        return self._binary[start : start + view["byteLength"]]

    def accessor(self, index: int) -> np.ndarray:
        accessor = self.tree["accessors"][index]
        if "sparse" in accessor or "byteStride" in self.tree["bufferViews"][accessor["bufferView"]]:
            raise InputError(
                f"{self.name} has sparse or interleaved accessors, which training data must not have"
            )
        width, kind = WIDTHS[accessor["type"]], COMPONENTS[accessor["componentType"]]
        values = np.frombuffer(
            self.view(accessor["bufferView"]), kind, accessor["count"] * width, accessor.get("byteOffset", 0)
        )
        values = values.reshape(-1, width)
        return values / np.iinfo(kind).max if accessor.get("normalized") else values

    def image(self, texture: int) -> Image.Image:
        source = self.tree["images"][self.tree["textures"][texture]["source"]]
        return Image.open(io.BytesIO(self.view(source["bufferView"])))


def read_object(path: Path, *, texture_px: int) -> ObjectMesh | None:
    """Read one GLB of the training set, centred on its box.

    Node transforms are not looked at: the set's files have none.

    Returns:
        None for an object of which too much is cut out by its textures.

    Raises:
        InputError: when the file is not a GLB or has features that the set does not use.
    """
    glb = _Glb(path)
    parts, textures, runs = [], [], []
    mixed_area, area = 0.0, 0.0
    for primitive in glb.tree["meshes"][0]["primitives"]:
        material = glb.tree["materials"][primitive["material"]]
        part, image = _primitive(glb, primitive, material)
        if image is not None and material.get("alphaMode") == "MASK":
            part, mixed = _without_cut_out_faces(part, image)
            mixed_area += mixed
        if len(part[1]) == 0:
            continue
        area += _areas(part).sum()
        texture = _texture(image, material["pbrMetallicRoughness"], texture_px)
        if "COLOR_0" in primitive["attributes"]:
            part, texture = _from_vertex_colours(
                part, glb.accessor(primitive["attributes"]["COLOR_0"]), texture
            )
        parts.append(part)
        textures.append(texture)
        runs.append(len(part[1]))
    if not parts or mixed_area > MIXED_SHARE * area:
        return None
    return _joined(parts, textures, runs)


_Part = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Vertices in glTF's frame, faces and texture coordinates."""


def _primitive(glb: _Glb, primitive: dict, material: dict) -> tuple[_Part, Image.Image | None]:
    """A primitive and the picture on it, if there is one."""
    vertices = glb.accessor(primitive["attributes"]["POSITION"])
    faces = glb.accessor(primitive["indices"]).reshape(-1, 3).astype(np.int64)
    texture = material["pbrMetallicRoughness"].get("baseColorTexture")
    if texture is None:
        return (vertices, faces, np.zeros((len(vertices), 2))), None
    uv = glb.accessor(primitive["attributes"]["TEXCOORD_0"])
    return (vertices, faces, uv - np.floor(uv.min(axis=0))), glb.image(texture["index"])


def _areas(part: _Part) -> np.ndarray:
    corners = part[0][part[1]].astype(np.float64)
    return np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2


def _without_cut_out_faces(part: _Part, image: Image.Image) -> tuple[_Part, float]:
    """Drop the faces that nobody sees; also the area of those that are partly cut out."""
    vertices, faces, uv = part
    alpha = np.asarray(image.convert("RGBA"))[..., 3]
    at = np.einsum("pk,fkc->fpc", PROBES, uv[faces]) % 1
    column = (at[..., 0] * alpha.shape[1]).astype(int).clip(0, alpha.shape[1] - 1)
    row = (at[..., 1] * alpha.shape[0]).astype(int).clip(0, alpha.shape[0] - 1)
    seen = (alpha[row, column] >= 128).mean(axis=1)
    mixed = _areas(part)[(seen > 0) & (seen < 1)].sum()
    return (vertices, faces[seen > 0], uv), float(mixed)


def _joined(
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]], textures: list[np.ndarray], runs: list[int]
) -> ObjectMesh:
    first = np.cumsum([0] + [len(part[0]) for part in parts])
    gltf = np.concatenate([part[0] for part in parts]).astype(np.float64)
    vertices = np.stack([gltf[:, 0], -gltf[:, 2], gltf[:, 1]], axis=1)
    vertices -= (vertices.max(axis=0) + vertices.min(axis=0)) / 2
    return ObjectMesh(
        vertices=vertices,
        uv=np.concatenate([part[2] for part in parts]).astype(np.float64),
        faces=np.concatenate([part[1] + start for part, start in zip(parts, first, strict=False)]),
        runs=tuple(runs),
        textures=tuple(textures),
    )


def _texture(image: Image.Image | None, material: dict, texture_px: int) -> np.ndarray:
    """The base colour with its factor multiplied in (in linear light); one texel when it is flat."""
    factor = np.array(material.get("baseColorFactor", [1.0] * 4))[:3]
    if image is None:
        return _bytes(srgb_from_linear(factor))[None, None]
    image = image.convert("RGB")
    scale = texture_px / max(image.size)
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BOX)
    pixels = np.asarray(image)
    if np.allclose(factor, 1):
        return pixels
    return _bytes(srgb_from_linear(linear_from_srgb(pixels / 255) * factor))


def _from_vertex_colours(part: _Part, colours: np.ndarray, texture: np.ndarray) -> tuple[_Part, np.ndarray]:
    """Give each face one texel with the mean of its corners' linear colours; faces share no corners then."""
    vertices, faces, _ = part
    flat = linear_from_srgb(texture.reshape(-1, 3).mean(axis=0) / 255)
    texels = _bytes(srgb_from_linear(colours[faces][..., :3].mean(axis=1) * flat))
    u = (np.arange(len(faces)) + 0.5) / len(faces)
    uv = np.stack([np.repeat(u, 3), np.full(3 * len(faces), 0.5)], axis=1)
    return (vertices[faces.reshape(-1)], np.arange(3 * len(faces)).reshape(-1, 3), uv), texels[None]


def _bytes(colours: np.ndarray) -> np.ndarray:
    return np.round(np.clip(colours, 0, 1) * 255).astype(np.uint8)
