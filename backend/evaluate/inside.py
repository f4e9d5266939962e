"""Which cells of a grid lie inside a mesh, also where it has holes: by generalised winding numbers."""

# Warp reads kernel arguments from annotations that are values, not types.
# pyright: reportInvalidTypeForm=false

from typing import no_type_check

import numpy as np
import torch
import warp as wp
from jaxtyping import Bool, Float, Int

from backend.geometry.grids import cell_centres
from backend.geometry.raycast import ray_device, shared_stream, start_warp


@wp.kernel
@no_type_check
def _signs(mesh: wp.uint64, points: wp.array(dtype=wp.vec3), sign: wp.array(dtype=float)) -> None:
    i = wp.tid()
    hit = wp.mesh_query_point_sign_winding_number(mesh, points[i], 1.0e6)
    if hit.result:
        sign[i] = hit.sign


def inside_cells(
    vertices: Float[np.ndarray, "n 3"],
    faces: Int[np.ndarray, "f 3"],
    *,
    resolution: int,
    device: torch.device | str = "cpu",
) -> Bool[np.ndarray, "x y z"]:
    """Cells of the grid over [-0.5, 0.5]^3 whose centre the mesh winds around (Barill et al. 2018)."""
    start_warp()
    place = ray_device(device)
    points = cell_centres(resolution, device=place).reshape(-1, 3).contiguous()
    corners = torch.as_tensor(vertices, dtype=torch.float32, device=place).contiguous()
    indices = torch.as_tensor(faces.astype(np.int32), device=place).reshape(-1).contiguous()
    sign = torch.ones(len(points), device=place)
    with shared_stream(place):
        mesh = wp.Mesh(
            points=wp.from_torch(corners, dtype=wp.vec3),
            indices=wp.from_torch(indices, dtype=wp.int32),
            support_winding_number=True,
        )
        arrays = [mesh.id, wp.from_torch(points, dtype=wp.vec3), wp.from_torch(sign)]
        wp.launch(_signs, len(points), arrays, device=str(place))
    return (sign < 0).reshape((resolution,) * 3).cpu().numpy()
