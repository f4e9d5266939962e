"""Triangles of a batch of scenes, and a search tree for each scene.

Legend: `v` vertices, `f` faces, `p` parts, `b` scenes.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
import warp as wp
from jaxtyping import Bool, Float, Int, Int32, Int64
from torch import Tensor

from backend.train.bank import Textures
from backend.train.shading import start_warp, torch_stream

MORTON_BITS = 10
MAX_PER_CELL = 8
"""Faces of a scene in one cell of warp's Morton code (a thousandth of the scene's box across).

Warp 1.2 builds a chain of faces that share a code and walks it with an unchecked stack of 32 entries.
"""


@dataclass(frozen=True, slots=True)
class Soup:
    """Triangles of all scenes of a batch, each in its own generation space.

    Attributes:
        normals: Smooth normals, of any length and on any side.
        scene: Scene of each vertex.
        faces: Indices into the vertices; scene after scene.
        face_texture: Texture of each face.
        face_part: Part of each face.
        colours: Affine change of sRGB of each part.
    """

    vertices: Float[Tensor, "v 3"]
    normals: Float[Tensor, "v 3"]
    uv: Float[Tensor, "v 2"]
    scene: Int[Tensor, " v"]
    faces: Int32[Tensor, "f 3"]
    face_texture: Int32[Tensor, " f"]
    face_part: Int32[Tensor, " f"]
    colours: Float[Tensor, "p 3 4"]


class Trees:
    """The scenes of a soup, prepared for queries by warp.

    Attributes:
        meshes: Warp's handles of the scenes' trees.
        first_face: Where each scene's faces begin among all, since hits count from there.
    """

    def __init__(self, soup: Soup, textures: Textures, *, count: int) -> None:
        self.count = count
        self.device = soup.vertices.device
        start_warp(self.device)
        self._soup = thinned_out(soup, count)
        self._textures = textures
        # Warp's arrays point into tensors, which must live as long as they do.
        self._indices = self._soup.faces.reshape(-1)
        scene = self._soup.scene[self._soup.faces[:, 0].long()]
        counts = torch.bincount(scene, minlength=count)
        ends = counts.cumsum(0)
        self.first_face: Int32[Tensor, " b"] = (ends - counts).to(torch.int32)
        limits = [0, *ends.tolist()]
        with self.stream():
            points = wp.from_torch(self._soup.vertices, dtype=wp.vec3)
            self._meshes = [
                wp.Mesh(
                    points=points, indices=wp.from_torch(self._indices[3 * start : 3 * end], dtype=wp.int32)
                )
                for start, end in pairwise(limits)
            ]
        handles = [int(mesh.id) for mesh in self._meshes]
        self.meshes: Int64[Tensor, " b"] = torch.tensor(handles, dtype=torch.int64, device=self.device)

    def stream(self) -> AbstractContextManager[None]:
        """Run warp in torch's stream."""
        return torch_stream(self.device)

    def launch(
        self, kernel: wp.Kernel, count: int, inputs: Sequence[object], outputs: Sequence[object]
    ) -> None:
        """Run a kernel on `count` threads."""
        with self.stream():
            wp.launch(kernel, count, inputs=list(inputs), outputs=list(outputs), device=str(self.device))

    @property
    def surface(self) -> list[object]:
        """The arguments of `shading.face_colour`."""
        soup = self._soup
        return [
            wp.from_torch(soup.faces.reshape(-1)),
            wp.from_torch(soup.uv, dtype=wp.vec2),
            wp.from_torch(soup.face_texture),
            wp.from_torch(soup.face_part),
            wp.from_torch(soup.colours, dtype=wp.vec4),
            wp.from_torch(self._textures.texels),
            wp.from_torch(self._textures.table),
        ]

    @property
    def shape(self) -> list[object]:
        """The arguments of `shading.face_normal`, less the faces: positions and normals."""
        return [
            wp.from_torch(self._soup.vertices, dtype=wp.vec3),
            wp.from_torch(self._soup.normals, dtype=wp.vec3),
        ]


def thinned_out(soup: Soup, count: int) -> Soup:
    """Drop the smallest of too many faces whose boxes have their centres at one place; see `MAX_PER_CELL`."""
    corners = soup.vertices[soup.faces.long()]
    scene = soup.scene[soup.faces[:, 0].long()]
    kept = _is_kept(corners, scene, count)
    if bool(kept.all()):
        return soup
    return replace(
        soup,
        faces=soup.faces[kept].contiguous(),
        face_texture=soup.face_texture[kept].contiguous(),
        face_part=soup.face_part[kept].contiguous(),
    )


def _is_kept(corners: Float[Tensor, "f 3 3"], scene: Int[Tensor, " f"], count: int) -> Bool[Tensor, " f"]:
    low, high = corners.amin(dim=1), corners.amax(dim=1)
    index = scene[:, None].expand(-1, 3)
    far = torch.full((count, 3), torch.inf, device=corners.device)
    start = far.scatter_reduce(0, index, low, "amin")
    size = (-far).scatter_reduce(0, index, high, "amax") - start + 1e-4
    cell = (((low + high) / 2 - start[scene]) / size[scene] * (1 << MORTON_BITS)).long()
    key = scene.long()
    for axis in range(3):
        key = key << MORTON_BITS | cell[:, axis].clamp(0, (1 << MORTON_BITS) - 1)
    edges = corners[:, 1:] - corners[:, :1]
    area = torch.linalg.cross(edges[:, 0], edges[:, 1]).norm(dim=1)
    # By cell, and the largest first within a cell; both sorts are stable.
    order = area.argsort(descending=True, stable=True)
    order = order[key[order].argsort(stable=True)]
    sorted_key = key[order]
    rank = torch.arange(len(key), device=key.device) - torch.searchsorted(sorted_key, sorted_key)
    kept = torch.empty_like(key, dtype=torch.bool)
    kept[order] = rank < MAX_PER_CELL
    return kept
