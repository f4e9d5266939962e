"""Any glTF file as one mesh in our frame: parts joined, transforms applied, materials flattened."""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from backend.errors import InputError
from backend.geometry.colour import linear_from_u8, srgb_from_linear
from backend.geometry.gltf import Gltf
from backend.geometry.gltf_scene import Part, parts
from backend.geometry.meshes import Mesh, TexturedMesh, make_mesh, smooth_normals, with_colours
from backend.geometry.source_mesh import SourceMesh, check_exact

MAX_TILE_PX = 2048
"""Side of the largest picture in a joined texture; a texture repeated many times is shrunk to it."""

SOLID_PX = 4
"""Side of the patch that stands for a material of one colour."""

UV_SLACK = 1e-4
"""How far beyond [0, 1] texture coordinates may be that repeat nothing."""

TILE_BORDER = 2
"""Pixels repeated around each picture of a joined texture, so that filtering never reaches the next one."""


def read_glb(path: Path) -> Mesh:
    """Read a file as one mesh with a colour at each vertex (grey-white where the file has none).

    Vertices keep their order and are not welded. Textures are sampled at the vertices.

    Raises:
        InputError: the file is missing, damaged, empty or compressed.
    """
    return read_source_glb(path).mesh


def read_source_glb(path: Path) -> SourceMesh:
    """Read a file as `read_glb` does, with the texture coordinates and the transform that it gives.

    Raises:
        InputError: the file is missing, damaged, empty or compressed.
    """
    found = _read(path)
    offsets = np.cumsum([0, *(len(part.positions) for part in found)])
    vertices = z_up_from_gltf(np.concatenate([part.positions for part in found]))
    check_exact(vertices, path.name)
    faces = np.concatenate([part.faces + offset for part, offset in zip(found, offsets, strict=False)])
    colours = np.concatenate([_vertex_colours(part) for part in found])
    uv = None
    if all(part.uv is not None for part in found):
        uv = np.concatenate([part.uv for part in found if part.uv is not None])
    material = np.concatenate([np.full(len(part.faces), part.material) for part in found])
    frame = Z_UP_FROM_GLTF @ found[0].world @ Z_UP_FROM_GLTF.T
    return SourceMesh(with_colours(make_mesh(vertices, faces), colours), uv, material, frame)


def read_textured_glb(path: Path) -> TexturedMesh:
    """Read a file as one mesh with one texture, into which all its materials are joined.

    A file whose parts share one picture, or have none, keeps its texture coordinates when they lie in [0, 1].
    Else vertices are repeated where parts or repetitions of a texture meet. Colours of vertices count only
    where there is no texture.

    Raises:
        InputError: the file is missing, damaged, empty or compressed.
    """
    parts = _read(path)
    shared = _shared_picture(parts)
    pieces = [_piece(part) if shared is None else _plain_piece(part, shared) for part in parts]
    if shared is None:
        texture, corners = _stacked([piece.picture for piece in pieces])
    else:
        texture, corners = shared, [np.zeros(2)] * len(pieces)
    offsets = np.cumsum([0, *(len(piece.positions) for piece in pieces)])
    vertices = np.concatenate([piece.positions for piece in pieces])
    faces = np.concatenate([piece.faces + offset for piece, offset in zip(pieces, offsets, strict=False)])
    pixels = np.concatenate([piece.pixels + corner for piece, corner in zip(pieces, corners, strict=True)])
    mesh = make_mesh(z_up_from_gltf(vertices), faces)
    uv = pixels / np.array([texture.shape[1], texture.shape[0]])
    return TexturedMesh(mesh.vertices, mesh.faces, smooth_normals(mesh), uv.astype(np.float32), texture)


Z_UP_FROM_GLTF = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


def z_up_from_gltf(vectors: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Turn glTF's +Y up, front +Z into our +Z up, front -Y."""
    return np.stack([vectors[:, 0], -vectors[:, 2], vectors[:, 1]], axis=1)


def _read(path: Path) -> list[Part]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"Cannot read {path} ({error.strerror}); check the path") from error
    try:
        return list(parts(Gltf(data, path.parent)))
    except InputError as error:
        raise InputError(f"Cannot use {path.name}: {error}") from error
    # What Python, numpy and Pillow raise on numbers and names that do not belong together.
    except (
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        struct.error,
        RecursionError,
    ) as error:
        raise InputError(f"The mesh {path.name} is damaged ({error}); export it again") from error


def _vertex_colours(part: Part) -> Float[np.ndarray, "v 3"]:
    linear = np.broadcast_to(part.factor, (len(part.positions), 3))
    if part.texture is not None and part.uv is not None:
        linear = linear * _sampled(part.texture, part.uv)
    if part.colours is not None:
        linear = linear * part.colours
    return srgb_from_linear(linear)


def _sampled(texture: UInt8[np.ndarray, "h w 3"], uv: Float[np.ndarray, "v 2"]) -> Float[np.ndarray, "v 3"]:
    """Linear light of a repeating texture at points, bilinear."""
    height, width = texture.shape[:2]
    column, row = uv[:, 0] * width - 0.5, uv[:, 1] * height - 0.5
    left, top = np.floor(column).astype(np.int64), np.floor(row).astype(np.int64)
    total = np.zeros((len(uv), 3))
    for down in (0, 1):
        for right in (0, 1):
            weight = np.abs(1 - right - (column - left)) * np.abs(1 - down - (row - top))
            total += weight[:, None] * linear_from_u8(texture[(top + down) % height, (left + right) % width])
    return total


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part with a picture of its own; `pixels` are positions in it, (0, 0) at its top left corner."""

    positions: Float[np.ndarray, "v 3"]
    faces: Int[np.ndarray, "f 3"]
    pixels: Float[np.ndarray, "v 2"]
    picture: UInt8[np.ndarray, "h w 3"]


def _shared_picture(parts: list[Part]) -> UInt8[np.ndarray, "h w 3"] | None:
    """The one picture that all parts show without repeating it; None where there is no such picture."""
    first = parts[0]
    for part in parts:
        if part.uv is None or part.uv.min() < -UV_SLACK or part.uv.max() > 1 + UV_SLACK:
            return None
        if part.texture is not first.texture or not np.array_equal(part.factor, first.factor):
            return None
        if part.texture is None and part.colours is not None:
            return None
    return _solid(first.factor) if first.texture is None else _tinted(first.texture, first.factor)


def _plain_piece(part: Part, picture: UInt8[np.ndarray, "h w 3"]) -> _Piece:
    uv = np.zeros((len(part.positions), 2)) if part.uv is None else part.uv
    return _Piece(part.positions, part.faces, uv * [picture.shape[1], picture.shape[0]], picture)


def _solid(factor: Float[np.ndarray, " 3"]) -> UInt8[np.ndarray, "h w 3"]:
    colour = np.round(srgb_from_linear(factor) * 255).astype(np.uint8)
    return np.tile(colour, (SOLID_PX, SOLID_PX, 1))


def _tinted(
    picture: UInt8[np.ndarray, "h w 3"], factor: Float[np.ndarray, " 3"]
) -> UInt8[np.ndarray, "h w 3"]:
    """A picture times a base colour."""
    if np.allclose(factor, 1):
        return picture
    return np.round(srgb_from_linear(linear_from_u8(picture) * factor) * 255).astype(np.uint8)


def _piece(part: Part) -> _Piece:
    if part.texture is not None and part.uv is not None:
        return _textured_piece(part, part.texture, part.uv)
    if part.colours is not None:
        return _coloured_piece(part, part.colours)
    centre = np.full((len(part.positions), 2), SOLID_PX / 2)
    return _Piece(part.positions, part.faces, centre, _solid(part.factor))


def _textured_piece(part: Part, texture: UInt8[np.ndarray, "h w 3"], uv: Float[np.ndarray, "v 2"]) -> _Piece:
    """Each face is shifted by whole repetitions to the origin; the picture repeats as often as is left."""
    shift = np.floor(uv[part.faces].min(axis=1) + 1e-6)
    keys = np.concatenate([np.repeat(shift, 3, axis=0), part.faces.reshape(-1, 1)], axis=1)
    unique, index = np.unique(keys, axis=0, return_inverse=True)
    vertex = unique[:, 2].astype(np.int64)
    local = np.maximum(uv[vertex] - unique[:, :2], 0)
    repeats = np.maximum(np.ceil(local.max(axis=0) - 1e-3), 1).astype(int)
    height, width = texture.shape[:2]
    limit = np.maximum(MAX_TILE_PX // repeats, 1)
    size = (min(width, int(limit[0])), min(height, int(limit[1])))
    repeats = np.minimum(repeats, MAX_TILE_PX)
    small = (
        np.asarray(Image.fromarray(texture).resize(size, Image.Resampling.BOX))
        if size != (width, height)
        else texture
    )
    picture = np.tile(_tinted(small, part.factor), (repeats[1], repeats[0], 1))
    pixels = np.minimum(local, repeats) * np.array(size)
    return _Piece(part.positions[vertex], index.reshape(-1, 3), pixels, picture)


def _coloured_piece(part: Part, colours: Float[np.ndarray, "v 3"]) -> _Piece:
    """Each face gets 2 × 2 pixels; between their centres the filter draws its three colours exactly."""
    srgb = srgb_from_linear(colours * part.factor)[part.faces]
    fourth = np.clip(srgb[:, 1] + srgb[:, 2] - srgb[:, 0], 0, 1)
    blocks = np.round(np.stack([srgb[:, 0], srgb[:, 1], srgb[:, 2], fourth], axis=1) * 255).astype(np.uint8)
    count = len(part.faces)
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    padded = np.zeros((rows * columns, 4, 3), np.uint8)
    padded[:count] = blocks
    picture = (
        padded.reshape(rows, columns, 2, 2, 3).transpose(0, 2, 1, 3, 4).reshape(rows * 2, columns * 2, 3)
    )
    corner = 2.0 * np.stack([np.arange(count) % columns, np.arange(count) // columns], axis=1)
    offsets = np.array([[0.5, 0.5], [1.5, 0.5], [0.5, 1.5]])
    pixels = (corner[:, None] + offsets).reshape(-1, 2)
    return _Piece(
        part.positions[part.faces.reshape(-1)], np.arange(count * 3).reshape(-1, 3), pixels, picture
    )


def _stacked(
    pictures: list[UInt8[np.ndarray, "h w 3"]],
) -> tuple[UInt8[np.ndarray, "hh ww 3"], list[Float[np.ndarray, " 2"]]]:
    """Pictures in one column, and the top left corner of each; equal pictures are stored once."""
    width = max(picture.shape[1] for picture in pictures) + 2 * TILE_BORDER
    rows, corners, known, top = [], [], {}, 0
    for picture in pictures:
        key = (picture.shape, picture.tobytes())
        if key not in known:
            known[key] = np.array([TILE_BORDER, top + TILE_BORDER], np.float64)
            right = width - TILE_BORDER - picture.shape[1]
            pads = ((TILE_BORDER, TILE_BORDER), (TILE_BORDER, right), (0, 0))
            rows.append(np.pad(picture, pads, mode="edge"))
            top += rows[-1].shape[0]
        corners.append(known[key])
    return np.concatenate(rows), corners
