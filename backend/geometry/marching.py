"""The zero level of a dense field as triangles, and colours for them from a sparse shape."""

from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Float32
from scipy.spatial import KDTree
from skimage.measure import marching_cubes
from torch import Tensor

from backend.artifacts import SparseShape
from backend.geometry.grids import box_around, voxel_centres
from backend.geometry.meshes import Mesh, make_mesh

NUM_NEAREST = 4
"""Known voxels that colour a vertex with none around it."""


def zero_level(field: Float[Tensor, "x y z"]) -> Mesh:
    """Marching cubes (Lewiner et al. 2003) on voxel centres over [-0.5, 0.5]^3; negative is inside.

    Distances vary linearly along the edges between voxels. Faces look outwards.
    """
    values = field.numpy()
    box = box_around(values <= 0, margin=1)
    vertices, faces, _, _ = marching_cubes(values[box], level=0.0, gradient_direction="descent")
    start = np.array([span.start for span in box], np.float32)
    return make_mesh((vertices + start + 0.5) / field.shape[0] - 0.5, faces)


def shape_colours(shape: SparseShape, positions: Float[np.ndarray, "v 3"]) -> Float32[np.ndarray, "v 3"]:
    """`ShapeColours` asked once."""
    return ShapeColours(shape).at(positions)


class ShapeColours:
    """The colours of a shape, for points anywhere."""

    def __init__(self, shape: SparseShape) -> None:
        self._side, self._coords = shape.resolution, shape.coords.cpu()
        self._rgb = shape.rgb.detach().cpu().float()
        self._index = torch.full((self._side,) * 3, -1, dtype=torch.int32)
        x, y, z = self._coords.long().unbind(1)
        self._index[x, y, z] = torch.arange(len(shape.coords), dtype=torch.int32)

    def at(self, positions: Float[np.ndarray, "v 3"]) -> Float32[np.ndarray, "v 3"]:
        """sRGB colours at points: trilinear over the known ones of the eight voxels around each.

        A point far from all known voxels takes the mean of the nearest ones, weighted by inverse distance.
        """
        place = (torch.from_numpy(np.asarray(positions, dtype=np.float32)) + 0.5) * self._side - 0.5
        low = place.floor()
        total, weight = torch.zeros(len(place), 3), torch.zeros(len(place), 1)
        for corner in torch.cartesian_prod(*[torch.tensor([0, 1])] * 3):
            cell = (low + corner).long().clamp(0, self._side - 1)
            found = self._index[cell[:, 0], cell[:, 1], cell[:, 2]]
            share = (1 - corner - (place - low)).abs().prod(dim=1) * (found >= 0)
            total += share[:, None] * self._rgb[found.clamp_min(0)]
            weight += share[:, None]
        colours = (total / weight.clamp_min(1e-6)).numpy()
        lost = (weight[:, 0] < 1e-3).numpy()
        if lost.any():
            colours[lost] = self._nearest(positions[lost])
        return colours

    def _nearest(self, positions: Float[np.ndarray, "v 3"]) -> Float32[np.ndarray, "v 3"]:
        count = min(NUM_NEAREST, self._tree.n)
        distance, found = self._tree.query(positions, k=count, workers=-1)
        distance, found = (np.asarray(part).reshape(-1, count) for part in (distance, found))
        weight = 1 / np.maximum(distance, 1e-6)
        weight /= weight.sum(axis=1, keepdims=True)
        return np.einsum("vk,vkc->vc", weight, self._rgb.numpy()[found]).astype(np.float32)

    @cached_property
    def _tree(self) -> KDTree:
        centres = voxel_centres(self._coords, self._side).numpy()
        # A tree that is not balanced is made in a third of the time.
        return KDTree(centres, balanced_tree=False, compact_nodes=False)
