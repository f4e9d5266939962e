"""Coloured signed distance of the outer shell of a batch of scenes, near the surface.

Legend: `n` voxels, `m` voxels of a chunk. Lengths are metres; `H` is the side of a fine voxel.
"""

# The decorator of kernels hides that they are no functions any more.
# pyright: reportArgumentType=false

from dataclasses import dataclass

import torch
import torch.nn.functional as F
import warp as wp
from jaxtyping import Bool, Float, Int, Int32, Int64, UInt8
from torch import Tensor

from backend.artifacts import COARSE, FINE, SDF_TRUNCATION, SHELL_THRESHOLD
from backend.geometry.grids import children
from backend.train.flood import OUTSIDE, WALL, flood
from backend.train.soup import Trees
from backend.train.voxel_kernels import colour_faces, find_near, find_nearest, sign_distances

H = 1 / FINE
NEAR = 3.2 * H
"""Voxels nearer than this to any surface are measured: what a child of an occupied cell can have."""

WALL_DISTANCE = 1.0 * H
LEAST_HALF_THICKNESS = 0.6 * H
"""Parts thinner than twice this are made as thick, so that they do not vanish between the samples."""

CHUNK = 16
"""Scenes measured at a time: about 50 MB each."""


@dataclass(frozen=True, slots=True)
class Voxels:
    """What stage 2 learns, for a batch.

    Attributes:
        occupancy: Cells of which a child is nearer to the shell than `SHELL_THRESHOLD`.
        coords: Children of the occupied cells (batch, x, y, z), in C order.
        sdf: Signed distance of the outer shell, negative inside, clipped to +-`SDF_TRUNCATION`.
        rgb: sRGB of the nearest surface point, in [0, 1].
    """

    occupancy: Bool[Tensor, "b x y z"]
    coords: Int[Tensor, "n 4"]
    sdf: Float[Tensor, " n"]
    rgb: Float[Tensor, "n 3"]


@dataclass(frozen=True, slots=True)
class _Nearest:
    """Nearest surface points of the near voxels of a chunk."""

    coords: Int32[Tensor, "m 4"]
    face: Int32[Tensor, " m"]
    weights: Float[Tensor, "m 2"]
    point: Float[Tensor, "m 3"]
    distance: Float[Tensor, " m"]


def voxelise(trees: Trees, *, chunk: int) -> Voxels:
    """Shell, signed distance and colour of every scene; see `Scenes.voxels`."""
    parts = [_chunk(trees, first, min(first + chunk, trees.count)) for first in range(0, trees.count, chunk)]
    return Voxels(
        torch.cat([part.occupancy for part in parts]),
        torch.cat([part.coords for part in parts]),
        torch.cat([part.sdf for part in parts]),
        torch.cat([part.rgb for part in parts]),
    )


def _chunk(trees: Trees, first: int, last: int) -> Voxels:
    part = slice(first, last)
    meshes = trees.meshes[part].contiguous()
    near = _measure_near(trees, meshes, trees.first_face[part].contiguous())
    index = near.coords.long().unbind(dim=1)
    cells = torch.zeros(last - first, FINE, FINE, FINE, dtype=torch.uint8, device=trees.device)
    cells[index] = (near.distance < WALL_DISTANCE).to(torch.uint8) * int(WALL)
    flood(trees, meshes, cells, near.coords)
    lookup = _lookup(near, last - first)
    signed, source = _signed(trees, meshes, near, cells, lookup)
    signed = _thickened(signed, near, source, last - first)
    occupancy = torch.zeros(last - first, COARSE, COARSE, COARSE, dtype=torch.bool, device=trees.device)
    shell = near.coords[signed.abs() < SHELL_THRESHOLD].long()
    occupancy[shell[:, 0], shell[:, 1] // 2, shell[:, 2] // 2, shell[:, 3] // 2] = True
    coords = children(occupancy)
    row = lookup[coords.unbind(dim=1)].long()
    is_known = row >= 0
    # A child that was not measured is farther than the truncation, on the side where the flood left it.
    is_outside = cells[coords.unbind(dim=1)] == int(OUTSIDE)
    far = torch.where(is_outside, SDF_TRUNCATION, -SDF_TRUNCATION)
    sdf = torch.where(is_known, signed[row.clamp_min(0)], far).clamp(-SDF_TRUNCATION, SDF_TRUNCATION)
    rgb = _colours(trees, near, source[row.clamp_min(0)].long())
    shift = torch.tensor([first, 0, 0, 0], device=trees.device)
    return Voxels(occupancy, coords + shift, sdf, rgb)


def _measure_near(trees: Trees, meshes: Int64[Tensor, " b"], first_face: Int32[Tensor, " b"]) -> _Nearest:
    count = len(meshes)
    near = torch.zeros(count, COARSE, COARSE, COARSE, dtype=torch.uint8, device=trees.device)
    # A fine centre is at most half a fine diagonal away from its cell's centre.
    reach = NEAR + 3**0.5 / 2 * H
    handles = wp.from_torch(meshes)
    trees.launch(find_near, near.numel(), [handles, COARSE, reach], [wp.from_torch(near.view(-1))])
    coords = children(near.bool()).to(torch.int32)
    size = len(coords)
    found = _Nearest(
        coords,
        torch.empty(size, dtype=torch.int32, device=trees.device),
        torch.zeros(size, 2, device=trees.device),
        torch.zeros(size, 3, device=trees.device),
        torch.empty(size, device=trees.device),
    )
    outputs = [
        wp.from_torch(found.face),
        wp.from_torch(found.weights, dtype=wp.vec2),
        wp.from_torch(found.point, dtype=wp.vec3),
        wp.from_torch(found.distance),
    ]
    trees.launch(
        find_nearest, size, [handles, wp.from_torch(first_face), wp.from_torch(coords), FINE, NEAR], outputs
    )
    return found


def _lookup(near: _Nearest, count: int) -> Int32[Tensor, "b x y z"]:
    lookup = torch.full((count, FINE, FINE, FINE), -1, dtype=torch.int32, device=near.coords.device)
    rows = torch.arange(len(near.coords), dtype=torch.int32, device=lookup.device)
    lookup[near.coords.long().unbind(dim=1)] = rows
    return lookup


def _signed(
    trees: Trees,
    meshes: Int64[Tensor, " b"],
    near: _Nearest,
    cells: UInt8[Tensor, "b x y z"],
    lookup: Int32[Tensor, "b x y z"],
) -> tuple[Float[Tensor, " m"], Int32[Tensor, " m"]]:
    signed = torch.empty_like(near.distance)
    source = torch.empty_like(near.face)
    inputs = [
        wp.from_torch(meshes),
        wp.from_torch(near.coords),
        FINE,
        NEAR,
        wp.from_torch(cells.view(-1)),
        wp.from_torch(lookup.view(-1)),
        wp.from_torch(near.point, dtype=wp.vec3),
        wp.from_torch(near.distance),
    ]
    trees.launch(sign_distances, len(signed), inputs, [wp.from_torch(signed), wp.from_torch(source)])
    return signed, source


def _thickened(
    signed: Float[Tensor, " m"], near: _Nearest, source: Int32[Tensor, " m"], count: int
) -> Float[Tensor, " m"]:
    """Move the surface outwards where a part is thin.

    Half the thickness at a surface point is the greatest depth within two voxels of it.
    """
    depth = torch.zeros(count, FINE, FINE, FINE, device=signed.device)
    depth[near.coords.long().unbind(dim=1)] = (-signed).clamp(0, LEAST_HALF_THICKNESS)
    # One axis after the other: a maximum over 5^3 voxels.
    for kernel in ((5, 1, 1), (1, 5, 1), (1, 1, 5)):
        padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        depth = F.max_pool3d(depth, kernel, stride=1, padding=padding)
    row = source.long()
    voxel = ((near.point[row] + 0.5) * FINE).long().clamp(0, FINE - 1)
    half = depth[near.coords[:, 0].long(), voxel[:, 0], voxel[:, 1], voxel[:, 2]]
    is_known = near.distance <= NEAR
    return torch.where(is_known, signed - (LEAST_HALF_THICKNESS - half), signed)


def _colours(trees: Trees, near: _Nearest, rows: Int[Tensor, " n"]) -> Float[Tensor, "n 3"]:
    face, weights = near.face[rows].contiguous(), near.weights[rows].contiguous()
    rgb = torch.full((len(rows), 3), 0.5, device=trees.device)
    inputs = [wp.from_torch(face), wp.from_torch(weights, dtype=wp.vec2), *trees.surface]
    trees.launch(colour_faces, len(rows), inputs, [wp.from_torch(rgb, dtype=wp.vec3)])
    return rgb
