"""Which voxels are outside a batch of scenes: a flood that starts at the border of the grid.

The flood stops one voxel before the surface, so cracks up to two voxels wide hold it back; voxels nearer than
that are outside when a short ray to an outside neighbour meets no surface. What the flood cannot reach, a
cavity that nobody sees, is inside. Volumes are 8-bit: see the constants.
"""

# Warp reads kernel arguments from annotations that are values, not types, and turns `int(0)` into a variable.
# pyright: reportInvalidTypeForm=false, reportIndexIssue=false, reportCallIssue=false
# pyright: reportArgumentType=false, reportOperatorIssue=false, reportAttributeAccessIssue=false
# ruff: noqa: ANN202, UP018, RUF046

from typing import no_type_check

import torch
import warp as wp
from jaxtyping import Int32, Int64, UInt8
from torch import Tensor

from backend.train.soup import Trees

wp.set_module_options({"enable_backward": False})

FREE = wp.constant(0)
"""Not reached by the flood (yet)."""
WALL = wp.constant(1)
"""Near the surface: the flood stops here."""
OUTSIDE = wp.constant(2)
"""Reached."""

MAX_SWEEPS = 64
ROUNDS = 3
"""Steps from the flood into the near voxels: a gap between walls fills up beyond this depth."""


@wp.func
@no_type_check
def _spread(cells: wp.array(dtype=wp.uint8), at: int, wet: int):
    """The state of a cell after its neighbour was `wet`."""
    state = int(cells[at])
    if state == FREE and wet == 1:
        cells[at] = wp.uint8(OUTSIDE)
        return 2
    if state == OUTSIDE:
        return 1
    return 0


@wp.kernel
@no_type_check
def _sweep(cells: wp.array(dtype=wp.uint8), side: int, stride: int, changed: wp.array(dtype=wp.int32)):
    """Flood along one line, there and back."""
    i = wp.tid()
    # Lines along an axis start where its coordinate is zero.
    first = (i // stride) * stride * side + i % stride
    count = int(0)
    wet = int(1)
    for k in range(side):
        result = _spread(cells, first + k * stride, wet)
        wet = wp.min(result, 1)
        count += result // 2
    wet = int(1)
    for k in range(side):
        result = _spread(cells, first + (side - 1 - k) * stride, wet)
        wet = wp.min(result, 1)
        count += result // 2
    if count > 0:
        changed[0] = 1


@wp.kernel
@no_type_check
def _enter(
    meshes: wp.array(dtype=wp.int64),
    coords: wp.array(dtype=wp.int32, ndim=2),
    cells: wp.array(dtype=wp.uint8),
    side: int,
    entered: wp.array(dtype=wp.uint8),
):
    """Whether a wall voxel sees an outside neighbour."""
    i = wp.tid()
    scene = coords[i, 0]
    x = coords[i, 1]
    y = coords[i, 2]
    z = coords[i, 3]
    here = ((scene * side + x) * side + y) * side + z
    if int(cells[here]) != WALL:
        return
    cell = 1.0 / float(side)
    origin = wp.vec3(
        (float(x) + 0.5) * cell - 0.5, (float(y) + 0.5) * cell - 0.5, (float(z) + 0.5) * cell - 0.5
    )
    for k in range(6):
        axis = k // 2
        step = 2 * (k % 2) - 1
        dx = int(0)
        dy = int(0)
        dz = int(0)
        if axis == 0:
            dx = step
        if axis == 1:
            dy = step
        if axis == 2:
            dz = step
        inside_grid = (
            x + dx >= 0 and x + dx < side and y + dy >= 0 and y + dy < side and z + dz >= 0 and z + dz < side
        )
        if inside_grid:
            there = here + (dx * side + dy) * side + dz
            if int(cells[there]) == OUTSIDE:
                hit = wp.mesh_query_ray(
                    wp.uint64(meshes[scene]), origin, wp.vec3(float(dx), float(dy), float(dz)), cell
                )
                if not hit.result:
                    entered[i] = wp.uint8(1)
                    return


def flood(
    trees: Trees,
    meshes: Int64[Tensor, " b"],
    cells: UInt8[Tensor, "b x y z"],
    coords: Int32[Tensor, "n 4"],
) -> None:
    """Mark what is outside, in place.

    Args:
        trees: Scenes, among them those of `cells`.
        meshes: Handles of the trees of the scenes of `cells`.
        cells: `FREE` and `WALL` voxels.
        coords: Voxels (batch, x, y, z), among them all that are `WALL`.
    """
    side = cells.shape[1]
    flat = wp.from_torch(cells.view(-1))
    changed = torch.zeros(1, dtype=torch.int32, device=cells.device)
    lines = cells.numel() // side
    for _ in range(MAX_SWEEPS):
        changed.zero_()
        for stride in (1, side, side * side):
            trees.launch(_sweep, lines, [flat, side, stride], [wp.from_torch(changed)])
        if not int(changed):
            break
    index = coords.long()
    for _ in range(ROUNDS):
        entered = torch.zeros(len(coords), dtype=torch.uint8, device=cells.device)
        inputs = [
            wp.from_torch(meshes),
            wp.from_torch(coords),
            flat,
            side,
        ]
        trees.launch(_enter, len(coords), inputs, [wp.from_torch(entered)])
        # All at once after the launch, so that the result does not depend on the order of threads.
        wet = index[entered.bool()]
        cells[wet[:, 0], wet[:, 1], wet[:, 2], wet[:, 3]] = int(OUTSIDE)
