"""Bodies known by formula, for tests of geometry: as sparse shapes and as meshes."""

import numpy as np
import torch

from backend.artifacts import COARSE, FINE, SDF_TRUNCATION, SHELL_THRESHOLD, SparseShape
from backend.geometry.grids import cell_centres, children
from backend.geometry.marching import zero_level
from backend.geometry.meshes import Mesh

RED, BLUE = (0.8, 0.2, 0.2), (0.2, 0.2, 0.8)


def sphere(points, *, centre=(0.0, 0.0, 0.0), radius=0.35):
    """Signed distance to a sphere."""
    return (points - torch.tensor(centre)).norm(dim=-1) - radius


def egg(points):
    """Signed distance, nearly, to a body without symmetry: a ball with bumps to +X and to +Z."""
    parts = [
        sphere(points, radius=0.25),
        sphere(points, centre=(0.25, 0.0, 0.0), radius=0.12),
        sphere(points, centre=(0.0, -0.1, 0.25), radius=0.08),
    ]
    return torch.stack(parts).amin(dim=0)


def two_colours(points):
    """Red to -Y, the front, and blue to +Y."""
    return torch.where(points[..., 1:2] < 0, torch.tensor(RED), torch.tensor(BLUE))


def sparse_shape(distance=sphere, colour=two_colours) -> SparseShape:
    """The shell of a body as the networks would give it."""
    centres = cell_centres(FINE)
    field = distance(centres)
    blocks = (field.abs() < SHELL_THRESHOLD).float()[None, None]
    coarse = torch.nn.functional.max_pool3d(blocks, FINE // COARSE)[0] > 0
    coords = children(coarse)[:, 1:]
    x, y, z = coords.unbind(1)
    values = field[x, y, z].clamp(-SDF_TRUNCATION, SDF_TRUNCATION)
    return SparseShape(coords, values, colour(centres[x, y, z]))


def without(shape: SparseShape, drop) -> SparseShape:
    """A shape without the voxels where `drop` is true."""
    return SparseShape(shape.coords[~drop], shape.sdf[~drop], shape.rgb[~drop])


def body_mesh(distance=egg, resolution=48) -> Mesh:
    """A closed mesh of a body."""
    return zero_level(distance(cell_centres(resolution)))


def cube() -> Mesh:
    """A cube of side 0.5 around the origin, faces outwards."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32) * 0.5 - 0.25
    faces = [
        [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
        [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
    ]  # fmt: skip
    return Mesh(corners, np.array(faces, np.int32))
