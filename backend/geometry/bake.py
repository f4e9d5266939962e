"""From texture coordinates to the points of the surface that the pixels of a texture show."""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, Int, UInt8
from scipy import ndimage
from torch import Tensor

from backend.geometry.meshes import Mesh
from backend.geometry.raycast import Bvh
from backend.geometry.unwrap import Unwrapped

GUTTER_PX = 2.0
"""Pixels this near to a chart show the surface's nearest point, so that filtering meets no seam."""

SNAP_REACH = 0.03
"""Farthest point of the fine surface, in metres, that stands for one of the simplified mesh."""

SNAP_COSINE = 0.3
"""Least cosine between the two surfaces' normals there; the other side of a thin wall has a negative one."""

MAX_RAYS = 1 << 20
"""Pixels looked up at once: a texture of 4,096 pixels would else take a gigabyte."""


@dataclass(frozen=True, slots=True)
class Texels:
    """The pixels of a texture that show the surface, on the device that rays are cast on.

    Attributes:
        index: Row times width plus column.
        face: The face that a pixel shows.
        barycentric: Weights of the face's vertices.
    """

    index: Int[Tensor, " n"]
    face: Int[Tensor, " n"]
    barycentric: Float[Tensor, "n 3"]

    def of(self, values: Float[np.ndarray, "v c"], faces: Int[np.ndarray, "f 3"]) -> Float[Tensor, "n c"]:
        """Values given at the vertices of `faces`, at the pixels."""
        return at_pixels(values, faces, self.face, self.barycentric)


@dataclass(frozen=True, slots=True)
class SurfacePixels:
    """The pixels of a texture and the points that they show, on the device that rays are cast on.

    Attributes:
        index: Row times width plus column.
        points: World positions, on the fine surface where there is one.
        normals: Unit normals there.
        face: The mesh's face that a pixel shows.
        barycentric: Weights of its vertices.
        nearest: What `nearest_rows` says of `index`.
    """

    index: Int[Tensor, " n"]
    points: Float[Tensor, "n 3"]
    normals: Float[Tensor, "n 3"]
    face: Int[Tensor, " n"]
    barycentric: Float[Tensor, "n 3"]
    nearest: Int[Tensor, "h w"]

    def picture(self, colours: Float[Tensor, "n 3"]) -> UInt8[np.ndarray, "h w 3"]:
        """A texture with these colours at the pixels; all others copy the nearest one."""
        return spread(self.nearest, colours)


@dataclass(frozen=True, slots=True)
class FineSurface:
    """A mesh before it was simplified, with smooth normals at its vertices."""

    bvh: Bvh
    normals: Float[Tensor, "v 3"]


def surface_pixels(
    mesh: Mesh,
    normals: Float32[np.ndarray, "v 3"],
    charts: Unwrapped,
    *,
    texture_px: int,
    fine: FineSurface | None = None,
    device: torch.device | str = "cpu",
) -> SurfacePixels:
    """Find the point for every pixel of a texture.

    With a fine surface they lie on it, so that what is asked there does not depend on how the mesh was
    simplified; where it is far away or faces elsewhere they stay on the mesh.
    """
    found = texels(charts.faces, charts.uv, texture_px=texture_px, device=device)
    points = found.of(mesh.vertices, mesh.faces)
    facing = F.normalize(found.of(normals, mesh.faces), dim=1)
    if fine is not None:
        points, facing = _snapped(points, facing, fine)
    nearest = nearest_rows(found.index, texture_px=texture_px).to(points.device)
    return SurfacePixels(found.index, points, facing, found.face, found.barycentric, nearest)


def _snapped(
    points: Float[Tensor, "n 3"], normals: Float[Tensor, "n 3"], fine: FineSurface
) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3"]]:
    """The nearest points of the fine surface, and its normals there."""
    near, facing = [], []
    for part in points.split(MAX_RAYS):
        hits = fine.bvh.closest(part)
        close = (hits.distance < SNAP_REACH)[:, None]
        near.append(torch.where(close, fine.bvh.positions(hits), part))
        facing.append(fine.bvh.interpolate(fine.normals, hits) * close)
    found = F.normalize(torch.cat(facing), dim=1)
    fits = ((found * normals).sum(dim=1) > SNAP_COSINE)[:, None]
    return torch.where(fits, torch.cat(near), points), torch.where(fits, found, normals)


def at_pixels(
    values: Float[np.ndarray, "v c"],
    faces: Int[np.ndarray, "f 3"],
    face: Int[Tensor, " n"],
    barycentric: Float[Tensor, "n 3"],
) -> Float[Tensor, "n c"]:
    """Values given at the vertices of `faces`, at places on them: `interpolate` on the places' device."""
    corners = torch.from_numpy(faces).to(face.device)[face].long()
    table = torch.from_numpy(values).to(face.device, torch.float32)
    # One corner after the other: a texture of 4,096 pixels would else take half a gigabyte.
    total = barycentric[:, :1] * table[corners[:, 0]]
    for corner in (1, 2):
        total += barycentric[:, corner : corner + 1] * table[corners[:, corner]]
    return total


def texels(
    faces: Int[np.ndarray, "f 3"],
    uv: Float32[np.ndarray, "n 2"],
    *,
    texture_px: int,
    device: torch.device | str = "cpu",
) -> Texels:
    """Find face and place for every pixel on a chart or next to one.

    The charts are a flat mesh: a pixel on one is hit from above, one beside it takes the nearest point.
    """
    flat = np.concatenate([uv * texture_px, np.zeros((len(uv), 1), np.float32)], axis=1)
    bvh = Bvh(flat, faces, device=device)
    bands = torch.arange(texture_px * texture_px, device=bvh.device).split(MAX_RAYS)
    on = [_pixels_on_charts(bvh, index, texture_px) for index in bands]
    covered = torch.zeros(texture_px * texture_px, device=bvh.device)
    for part in on:
        covered.index_fill_(0, part.index, 1)
    reach = math.ceil(GUTTER_PX)
    square = covered.reshape(1, 1, texture_px, texture_px)
    near = (F.max_pool2d(square, 2 * reach + 1, 1, reach) > square).reshape(-1)
    beside = near.nonzero()[:, 0]
    hits = bvh.closest(_centres(beside, texture_px))
    kept = hits.distance <= GUTTER_PX
    parts = [*on, Texels(beside[kept], hits.face[kept], hits.barycentric[kept])]
    return Texels(
        torch.cat([part.index for part in parts]),
        torch.cat([part.face for part in parts]),
        torch.cat([part.barycentric for part in parts]),
    )


def _pixels_on_charts(bvh: Bvh, index: Int[Tensor, " n"], texture_px: int) -> Texels:
    below = _centres(index, texture_px)
    down = below.new_tensor([0.0, 0.0, -1.0])
    hits = bvh.cast(below - down, down.expand_as(below))
    hit = hits.is_hit.nonzero()[:, 0]
    return Texels(index[hit], hits.face[hit], hits.barycentric[hit])


def _centres(index: Int[Tensor, " n"], texture_px: int) -> Float[Tensor, "n 3"]:
    """Centres of pixels, in pixels, on the plane of the charts."""
    right, down = index % texture_px + 0.5, index // texture_px + 0.5
    return torch.stack([right, down, torch.zeros_like(right)], dim=1)


def fill_texture(
    index: Int[Tensor, " n"], colours: Float[Tensor, "n 3"], *, texture_px: int
) -> UInt8[np.ndarray, "h w 3"]:
    """A texture with `colours` at the pixels `index`; all others copy the nearest one of these."""
    return spread(nearest_rows(index, texture_px=texture_px), colours)


def nearest_rows(index: Int[Tensor, " n"], *, texture_px: int) -> Int[Tensor, "h w"]:
    """For every pixel of a texture the row of `index` that holds it or the nearest one to it; on the CPU."""
    rows = np.full(texture_px * texture_px, -1, dtype=np.int64)
    rows[index.cpu().numpy()] = np.arange(len(index))
    rows = rows.reshape(texture_px, texture_px)
    nearest = np.empty((2, texture_px, texture_px), dtype=np.int32)
    ndimage.distance_transform_edt(rows < 0, return_distances=False, return_indices=True, indices=nearest)
    return torch.from_numpy(rows[nearest[0], nearest[1]])


def spread(nearest: Int[Tensor, "h w"], colours: Float[Tensor, "n 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """A texture made of rows of `colours`."""
    values = (colours.clamp(0, 1) * 255).round().to(torch.uint8)
    return values[nearest.to(values.device)].cpu().numpy()
