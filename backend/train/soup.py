"""Triangles of a batch of scenes under one search tree.

Scenes stand on a lattice, far enough apart that no query of one reaches another; so one tree, one launch
and no loop over objects serve the whole batch. Legend: `v` vertices, `f` faces, `p` parts.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
import warp as wp
from jaxtyping import Float, Int, Int32
from torch import Tensor

from backend.train.bank import Textures
from backend.train.shading import start_warp, torch_stream

SPACING = 1.75
"""Between the centres of neighbouring scenes: a grid's corners stay 0.4 m from the next object."""


@dataclass(frozen=True, slots=True)
class Soup:
    """Triangles of all scenes of a batch, each in its own generation space.

    Attributes:
        normals: Smooth normals, of any length and on any side.
        scene: Scene of each vertex.
        faces: Indices into the vertices.
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


class Tree:
    """A soup on its lattice, prepared for queries by warp."""

    def __init__(self, soup: Soup, textures: Textures, *, count: int) -> None:
        start_warp()
        self.count = count
        self.device = soup.vertices.device
        self.centres = lattice(count, self.device)
        # Warp's arrays point into these tensors, which must live as long as they do.
        self._points = (soup.vertices + self.centres[soup.scene]).contiguous()
        self._soup = soup
        self._textures = textures
        with self.stream():
            self.mesh = wp.Mesh(
                points=wp.from_torch(self._points, dtype=wp.vec3),
                indices=wp.from_torch(soup.faces.reshape(-1), dtype=wp.int32),
            )

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
        return [wp.from_torch(self._points, dtype=wp.vec3), wp.from_torch(self._soup.normals, dtype=wp.vec3)]


def lattice(count: int, device: torch.device | str) -> Float[Tensor, "b 3"]:
    """Centres of scenes on a compact cubic lattice around the origin, which keeps coordinates small."""
    side = 1
    while side**3 < count:
        side += 1
    index = torch.arange(count, device=device)
    cells = torch.stack([index % side, index // side % side, index // side**2], dim=1)
    return (cells - (side - 1) / 2) * SPACING
