"""Putting a finished job's colours onto a sculpted copy of its mesh, without fitting again.

Colours are known on the old surface and nowhere else, so every pixel of the new texture asks for the point
there that it may have come from (`geometry/pull_back.py`). It gets the colour of the old texture, which the
photo or the artist may have refined, or the colour field's where the field is finer.
"""

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from backend.errors import OnStep, ignore_steps
from backend.geometry.bake import fill_texture, texels
from backend.geometry.meshes import Mesh, TexturedMesh, face_areas, smooth_normals
from backend.geometry.pull_back import MOVED, pulled_back
from backend.geometry.raycast import Bvh, Hits
from backend.geometry.registration import Frame, apply, register
from backend.geometry.render import sample_picture
from backend.geometry.unwrap import Unwrapped
from backend.models.colour_field import ColourField

NUM_STEPS = 3

CHUNK = 1 << 16
"""Points whose colours are looked up at once."""

USUAL_FILL = 0.6
"""Share of a texture that shows the surface."""


class OldSurface:
    """The surface and the colours of a finished job, in generation space, where its field lives."""

    def __init__(self, textured: TexturedMesh, field: ColourField) -> None:
        placed = replace(textured, vertices=field.place(textured.vertices).astype(np.float32))
        self.mesh, self.place, self._field = textured, field.place, field
        self.bvh = Bvh(placed.vertices, placed.faces, device=next(field.parameters()).device)
        self._normals, self._uv = (
            torch.from_numpy(np.array(values)).to(self.bvh.device) for values in (placed.normals, placed.uv)
        )
        picture = torch.from_numpy(np.array(placed.texture)).to(self.bvh.device).permute(2, 0, 1)[None]
        self._picture = picture.float() / 255
        pixels = USUAL_FILL * picture.shape[-1] * picture.shape[-2]
        self.is_field_finer = bool((face_areas(placed).sum() / pixels) ** 0.5 > 1 / field.config.resolution)

    def colours(self, points: Float[Tensor, "n 3"], facing: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """Colours at the nearest points of the surface, for points with unit normals."""
        hits = self.nearest(points, facing)
        if self.is_field_finer:
            return self._field(self.bvh.positions(hits), self._normals_at(hits))
        return sample_picture(self._picture, self.bvh.interpolate(self._uv, hits))

    def origins(self, copy: Mesh) -> tuple[Float[np.ndarray, "v 3"], Float[np.ndarray, "v 3"]]:
        """Where the vertices of a sculpted copy may have been on the surface, and which way they looked."""
        normals = torch.from_numpy(smooth_normals(copy)).to(self.bvh.device)
        hits = self.nearest(torch.from_numpy(copy.vertices).to(self.bvh.device), normals)
        nearest = self.bvh.positions(hits).cpu().numpy().astype(np.float64)
        distance = np.linalg.norm(copy.vertices - nearest, axis=1)
        is_moved = distance > MOVED
        points = np.where(is_moved[:, None], pulled_back(copy, nearest, distance), copy.vertices)
        # What was pulled may look anywhere; where it came from, it looked as the old surface does.
        there = self._normals_at(self.bvh.closest(torch.from_numpy(points).float().to(self.bvh.device)))
        return points, np.where(is_moved[:, None], there.cpu().numpy(), normals.cpu().numpy())

    def nearest(self, points: Float[Tensor, "n 3"], facing: Float[Tensor, "n 3"]) -> Hits:
        """The nearest point of the surface to each point.

        Where it faces the other way, as through a thin wall that has been pulled, the nearer one of those
        straight above and below takes its place when it faces the right way.
        """
        found = self.bvh.closest(points)
        face, barycentric = found.face.clone(), found.barycentric.clone()
        wrong = ((self._normals_at(found) * facing).sum(dim=1) < 0).nonzero()[:, 0]
        best = torch.full((len(wrong),), float("inf"), device=points.device)
        for sign in (1.0, -1.0):
            hits = self.bvh.cast(points[wrong], sign * facing[wrong])
            fits = hits.is_hit & (hits.distance < best)
            fits &= (self._normals_at(hits) * facing[wrong]).sum(dim=1) > 0
            face[wrong[fits]], barycentric[wrong[fits]] = hits.face[fits], hits.barycentric[fits]
            best[fits] = hits.distance[fits]
        return Hits(face, barycentric, found.distance)

    def _normals_at(self, hits: Hits) -> Float[Tensor, "n 3"]:
        return F.normalize(self.bvh.interpolate(self._normals, hits), dim=1)


def retexture(
    edited: Mesh,
    old: OldSurface,
    charts: Unwrapped,
    *,
    node_frame: Frame,
    texture_px: int,
    on_step: OnStep = ignore_steps,
) -> TexturedMesh:
    """Paint a sculpted copy of a mesh with the mesh's colours.

    Args:
        edited: The copy, shifted, turned and scaled in whatever way.
        charts: Texture coordinates of the copy.
        node_frame: The transform that the copy's file applies to it.

    Returns:
        The copy where it stands, with a texture.

    Raises:
        InputError: when the copy does not resemble the mesh.
    """
    frame = register(edited, old.mesh, node_frame=node_frame)
    on_step(1, NUM_STEPS)
    placed = old.place(apply(frame, edited.vertices.astype(np.float64))).astype(np.float32)
    is_mirrored = np.linalg.det(frame[:3, :3]) < 0
    copy = Mesh(placed, np.ascontiguousarray(edited.faces[:, ::-1]) if is_mirrored else edited.faces)
    points, facing = old.origins(copy)
    on_step(2, NUM_STEPS)
    found = texels(charts.faces, charts.uv, texture_px=texture_px, device=old.bvh.device)
    positions, normals = (found.of(values, edited.faces) for values in (points, facing))
    colours = [
        old.colours(position, F.normalize(normal, dim=1))
        for position, normal in zip(positions.split(CHUNK), normals.split(CHUNK), strict=True)
    ]
    texture = fill_texture(found.index, torch.cat(colours), texture_px=texture_px)
    on_step(3, NUM_STEPS)
    own_normals = smooth_normals(edited)[charts.vertex]
    return TexturedMesh(edited.vertices[charts.vertex], charts.faces, own_normals, charts.uv, texture)
