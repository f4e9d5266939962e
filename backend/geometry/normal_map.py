"""Normals of a fine surface as a picture on a coarse mesh, in the tangent space that everyone agrees on.

The space is MikkTSpace's (Mikkelsen 2008), which Blender and glTF name: tangents of faces, projected and
weighted by angle at each vertex, interpolated without normalising, with the bitangent made in each pixel.
+X runs to the right of the picture, +Y to its top, +Z out of the surface.
"""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Float32, UInt8
from torch import Tensor

from backend.geometry.bake import SurfacePixels, at_pixels
from backend.geometry.meshes import TexturedMesh, unit

LEAST_OUTWARD = 0.05
"""Least +Z of a normal: a steeper one would point into the mesh between two pixels."""

LEAST_VOLUME = 1e-3
"""Volume of the three axes below which a pixel's space is no use; its normal is that of the mesh."""


def vertex_tangents(mesh: TexturedMesh) -> Float32[np.ndarray, "v 4"]:
    """Unit tangents, and the sign of the bitangent `sign * cross(normal, tangent)`."""
    corners, uv = mesh.vertices.astype(np.float64)[mesh.faces], mesh.uv.astype(np.float64)[mesh.faces]
    right, up = uv[..., 0], -uv[..., 1]
    along = corners[:, 1:] - corners[:, :1]
    x, y = right[:, 1:] - right[:, :1], up[:, 1:] - up[:, :1]
    area = x[:, 0] * y[:, 1] - x[:, 1] * y[:, 0]
    sign = np.where(area < 0, -1.0, 1.0)
    tangent = unit(y[:, 1:] * along[:, 0] - y[:, :1] * along[:, 1]) * (sign * (area != 0))[:, None]
    total = np.zeros((len(mesh.vertices), 4))
    for corner in range(3):
        vertex = mesh.faces[:, corner]
        normal = mesh.normals.astype(np.float64)[vertex]
        ahead, behind = (
            _projected(corners[:, (corner + step) % 3] - corners[:, corner], normal) for step in (1, 2)
        )
        angle = np.arccos(np.clip(np.sum(ahead * behind, axis=1), -1, 1))
        flat = _projected(tangent, normal) * (angle * (area != 0))[:, None]
        for axis, weights in enumerate((*flat.T, sign * angle)):
            total[:, axis] += np.bincount(vertex, weights, len(total))
    normals = mesh.normals.astype(np.float64)
    lost = np.linalg.norm(total[:, :3], axis=1) < 1e-9
    total[lost, :3] = np.cross(normals[lost], np.eye(3)[np.argmin(np.abs(normals[lost]), axis=1)])
    signs = np.where(total[:, 3:] < 0, -1.0, 1.0)
    return np.concatenate([unit(total[:, :3]), signs], axis=1).astype(np.float32)


def bake_normals(mesh: TexturedMesh, pixels: SurfacePixels) -> UInt8[np.ndarray, "h w 3"]:
    """The normals of `pixels` as a picture on `mesh`, whose texture coordinates the pixels have."""
    tangents = vertex_tangents(mesh)
    tangent, normal = (
        at_pixels(values, mesh.faces, pixels.face, pixels.barycentric)
        for values in (np.ascontiguousarray(tangents[:, :3]), mesh.normals)
    )
    sign = torch.from_numpy(tangents[mesh.faces[:, 0], 3:]).to(tangent.device)[pixels.face]
    bitangent = sign * torch.linalg.cross(normal, tangent)
    local = _in_axes(pixels.normals, tangent, bitangent, normal)
    local = F.normalize(torch.cat([local[:, :2], local[:, 2:].clamp_min(LEAST_OUTWARD)], dim=1), dim=1)
    # 128 stands for zero, so that a flat place is exactly flat.
    encoded = (local * 127 + 128) / 255
    return pixels.picture(encoded)


def _projected(
    vectors: Float[np.ndarray, "n 3"], normals: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, "n 3"]:
    """Unit vectors along the planes across `normals`."""
    flat = vectors - normals * np.sum(vectors * normals, axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-20)


def _in_axes(
    vectors: Float[Tensor, "n 3"], x: Float[Tensor, "n 3"], y: Float[Tensor, "n 3"], z: Float[Tensor, "n 3"]
) -> Float[Tensor, "n 3"]:
    """Coordinates in axes that are not quite square; (0, 0, 1) where they span nothing."""
    volume = (torch.linalg.cross(x, y) * z).sum(dim=1, keepdim=True)
    parts = [
        (vectors * torch.linalg.cross(second, third)).sum(dim=1, keepdim=True)
        for second, third in ((y, z), (z, x), (x, y))
    ]
    found = torch.cat(parts, dim=1) / torch.where(volume.abs() < LEAST_VOLUME, torch.inf, volume)
    spans: Bool[Tensor, "n 1"] = volume.abs() >= LEAST_VOLUME
    return torch.where(spans, found, found.new_tensor([0.0, 0.0, 1.0]))
