"""All meshes and textures of a training set as a few flat tensors on the device.

Legend: `v` vertices, `f` faces, `t` textures, `m` meshes, `n` texels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Int32
from torch import Tensor

from backend.train.gltf import ObjectMesh


@dataclass(frozen=True, slots=True)
class Textures:
    """Textures one behind the other.

    Attributes:
        texels: sRGB, red in the lowest of three bytes, row by row from the top.
        table: First texel, width and height of each texture.
    """

    texels: Int32[Tensor, " n"]
    table: Int32[Tensor, "t 3"]


@dataclass(frozen=True, slots=True)
class MeshBank:
    """Meshes one behind the other; faces count vertices from the bank's start.

    Attributes:
        normals: Smooth unit normals, equal where positions are.
        texture: Texture of each face.
        vertex_range: First vertex and number of vertices of each mesh.
        face_range: First face and number of faces of each mesh.
    """

    vertices: Float[Tensor, "v 3"]
    normals: Float[Tensor, "v 3"]
    uv: Float[Tensor, "v 2"]
    faces: Int[Tensor, "f 3"]
    texture: Int32[Tensor, " f"]
    vertex_range: Int[Tensor, "m 2"]
    face_range: Int[Tensor, "m 2"]


def pack_textures(textures: Sequence[np.ndarray], device: torch.device | str) -> Textures:
    """Lay pictures (h w 3, 8 bits) one behind the other."""
    sizes = np.array([[pixels.shape[1], pixels.shape[0]] for pixels in textures], np.int64).reshape(-1, 2)
    counts = sizes.prod(axis=1)
    starts = np.cumsum(counts) - counts
    texels = np.concatenate([_texels(pixels) for pixels in textures])
    table = np.concatenate([starts[:, None], sizes], axis=1).astype(np.int32)
    return Textures(torch.from_numpy(texels).to(device), torch.from_numpy(table).to(device))


def _texels(pixels: np.ndarray) -> np.ndarray:
    flat = pixels.reshape(-1, 3).astype(np.int32)
    return flat[:, 0] | flat[:, 1] << 8 | flat[:, 2] << 16


def join_textures(first: Textures, second: Textures) -> Textures:
    """Both sets in one; the second's numbers follow the first's."""
    shift = torch.tensor([len(first.texels), 0, 0], dtype=torch.int32, device=first.table.device)
    return Textures(
        torch.cat([first.texels, second.texels]), torch.cat([first.table, second.table + shift]).contiguous()
    )


def mesh_bank(meshes: Sequence[ObjectMesh], device: torch.device | str) -> tuple[MeshBank, Textures]:
    """Lay meshes and their textures one behind the other."""
    vertex_counts = np.array([len(mesh.vertices) for mesh in meshes], np.int64)
    face_counts = np.array([len(mesh.faces) for mesh in meshes], np.int64)
    texture_counts = np.array([len(mesh.runs) for mesh in meshes], np.int64)
    first_vertex = np.cumsum(vertex_counts) - vertex_counts
    first_face = np.cumsum(face_counts) - face_counts
    vertices = np.concatenate([mesh.vertices for mesh in meshes])
    faces = np.concatenate([mesh.faces for mesh in meshes]) + np.repeat(first_vertex, face_counts)[:, None]
    runs = np.concatenate([np.array(mesh.runs, np.int64) for mesh in meshes])
    owner = np.repeat(np.arange(len(meshes)), vertex_counts)
    texture = np.repeat(np.arange(texture_counts.sum()), runs).astype(np.int32)
    bank = MeshBank(
        vertices=torch.from_numpy(vertices.astype(np.float32)).to(device),
        normals=torch.from_numpy(smooth_normals(vertices, faces, owner)).to(device),
        uv=torch.from_numpy(np.concatenate([mesh.uv for mesh in meshes]).astype(np.float32)).to(device),
        faces=torch.from_numpy(faces).to(device),
        texture=torch.from_numpy(texture).to(device),
        vertex_range=torch.from_numpy(np.stack([first_vertex, vertex_counts], axis=1)).to(device),
        face_range=torch.from_numpy(np.stack([first_face, face_counts], axis=1)).to(device),
    )
    textures = [pixels for mesh in meshes for pixels in mesh.textures]
    return bank, pack_textures(textures, device)


def smooth_normals(vertices: np.ndarray, faces: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Unit normals of vertices (v 3), averaged over all faces (by area) at a position of the same owner."""
    # Positions come from a grid of 2^13 steps a metre, so this key is exact.
    steps = np.round((vertices + 1) * (1 << 13)).astype(np.int64)
    key = ((owner.astype(np.int64) << 15 | steps[:, 0]) << 15 | steps[:, 1]) << 15 | steps[:, 2]
    _, point = np.unique(key, return_inverse=True)
    point = point.reshape(-1)
    corners = vertices[faces]
    crosses = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    index = point[faces].reshape(-1)
    total = np.stack([np.bincount(index, np.repeat(crosses[:, axis], 3)) for axis in range(3)], axis=1)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.where(length > 1e-12, total / np.maximum(length, 1e-12), [0.0, 0.0, 1.0])[point].astype(
        np.float32
    )


def ranges(
    starts: Int[Tensor, " n"], counts: Int[Tensor, " n"]
) -> tuple[Int[Tensor, " k"], Int[Tensor, " k"]]:
    """Concatenated ranges start .. start + count.

    Returns:
        The numbers, and for each the index of its range.
    """
    owner = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
    before = counts.cumsum(0) - counts
    return torch.arange(len(owner), device=counts.device) - before[owner] + starts[owner], owner
