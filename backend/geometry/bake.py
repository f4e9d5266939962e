"""From texture coordinates to the points of the surface that the pixels of a texture show."""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, Int, UInt8
from scipy import ndimage
from torch import Tensor

from backend.geometry.meshes import Mesh, interpolate
from backend.geometry.raycast import Bvh, ray_device
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
    """The pixels of a texture that show the surface.

    Attributes:
        index: Row times width plus column.
        face: The face that a pixel shows.
        barycentric: Weights of the face's vertices.
    """

    index: Int[Tensor, " n"]
    face: Int[Tensor, " n"]
    barycentric: Float[Tensor, "n 3"]


@dataclass(frozen=True, slots=True)
class SurfacePixels:
    """The pixels of a texture and the points that they show.

    Attributes:
        index: Row times width plus column.
        points: World positions, on the fine surface where there is one.
        normals: Unit normals there.
        face: The mesh's face that a pixel shows, on the CPU.
        barycentric: Weights of its vertices, on the CPU.
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
    """Find the point for every pixel of a texture; the points are on the device that rays are cast on.

    With a fine surface they lie on it, so that what is asked there does not depend on how the mesh was
    simplified; where it is far away or faces elsewhere they stay on the mesh.
    """
    found = texels(charts.faces, charts.uv, texture_px=texture_px, device=device)
    corners, barycentric = mesh.faces[found.face.numpy()], found.barycentric.numpy()
    points, own = (
        torch.from_numpy(interpolate(values, corners, barycentric)).float().to(ray_device(device))
        for values in (mesh.vertices, normals)
    )
    facing = F.normalize(own, dim=1)
    if fine is not None:
        points, facing = _snapped(points, facing, fine)
    nearest = nearest_rows(found.index, texture_px=texture_px)
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


def texels(
    faces: Int[np.ndarray, "f 3"],
    uv: Float32[np.ndarray, "n 2"],
    *,
    texture_px: int,
    device: torch.device | str = "cpu",
) -> Texels:
    """Find face and place for every pixel on a chart or next to one; the result is on the CPU.

    The charts are a flat mesh: a pixel on one is hit from above, one beside it takes the nearest point.
    """
    flat = np.concatenate([uv * texture_px, np.zeros((len(uv), 1), np.float32)], axis=1)
    bvh = Bvh(flat, faces, device=device)
    bands = torch.arange(texture_px * texture_px).split(MAX_RAYS)
    on = [_pixels_on_charts(bvh, index, texture_px) for index in bands]
    covered = np.zeros(texture_px * texture_px, dtype=bool)
    for part in on:
        covered[part.index.numpy()] = True
    reach = 2 * math.ceil(GUTTER_PX) + 1
    square = covered.reshape(texture_px, texture_px)
    near = ndimage.binary_dilation(square, np.ones((reach, reach), dtype=bool)) & ~square
    beside = torch.from_numpy(near.reshape(-1)).nonzero()[:, 0]
    hits = bvh.closest(_centres(beside, texture_px))
    kept = (hits.distance <= GUTTER_PX).cpu()
    parts = [*on, Texels(beside[kept], hits.face.cpu()[kept], hits.barycentric.cpu()[kept])]
    return Texels(
        torch.cat([part.index for part in parts]),
        torch.cat([part.face for part in parts]),
        torch.cat([part.barycentric for part in parts]),
    )


def _pixels_on_charts(bvh: Bvh, index: Int[Tensor, " n"], texture_px: int) -> Texels:
    above = _centres(index, texture_px) + torch.tensor([0.0, 0.0, 1.0])
    hits = bvh.cast(above, torch.tensor([0.0, 0.0, -1.0]).expand_as(above))
    hit = hits.is_hit.cpu()
    return Texels(index[hit], hits.face.cpu()[hit], hits.barycentric.cpu()[hit])


def _centres(index: Int[Tensor, " n"], texture_px: int) -> Float[Tensor, "n 3"]:
    """Centres of pixels, in pixels, on the plane of the charts."""
    return torch.stack([index % texture_px + 0.5, index // texture_px + 0.5, torch.zeros(len(index))], dim=1)


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
    values = (colours.clamp(0, 1) * 255).round().to(torch.uint8).cpu()
    return values[nearest].numpy()
