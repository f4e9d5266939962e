"""A mesh as its file has it, and its own texture coordinates made fit to paint into."""

import logging
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from backend.errors import InputError
from backend.geometry.bake import fill_texture, texels
from backend.geometry.meshes import Mesh, TexturedMesh, face_areas, smooth_normals
from backend.geometry.raycast import Bvh
from backend.geometry.render import BARE
from backend.geometry.unwrap import Unwrapped

log = logging.getLogger(__name__)

MAX_STEP = 1e-3
"""Largest step between neighbouring float32 numbers at a mesh's place, as a share of its size."""

MIN_AREA = 1e-9
"""Least area of a mesh, as a share of its size squared."""

UV_SLACK = 1e-3
"""How far beyond a tile texture coordinates may lie that are meant to be inside."""

OWN_PX = 1024
"""Side of the texture that holds a mesh's own colours in its own layout."""

COVERAGE_PX = 256
"""Side of the picture in which used parts of the texture are counted."""

MANY = 0.02
"""Share of the used texture that may be used twice before it is worth a word."""


@dataclass(frozen=True, slots=True, eq=False)
class SourceMesh:
    """A file's triangles.

    Attributes:
        mesh: Where the file puts it, with a colour at each vertex.
        uv: Texture coordinates of the vertices, (0, 0) at the top left corner; None where a part has none.
        material: Number of each face's material.
        frame: The transform, in our frame, that the file applies to its first part.
    """

    mesh: Mesh
    uv: Float[np.ndarray, "v 2"] | None
    material: Int[np.ndarray, " f"]
    frame: Float[np.ndarray, "4 4"]

    @property
    def colours(self) -> Float[np.ndarray, "v 3"]:
        """sRGB colours of the vertices."""
        return np.full_like(self.mesh.vertices, BARE) if self.mesh.colours is None else self.mesh.colours


def check_exact(vertices: Float[np.ndarray, "v 3"], name: str) -> None:
    """Refuse a mesh so far from the origin that float32, which glTF has, cannot hold its form.

    Raises:
        InputError: with the file's name.
    """
    size, far = float(np.ptp(vertices, axis=0).max()), float(np.abs(vertices).max())
    if not size > 0:
        raise InputError(f"The mesh {name} has no extent; choose another file")
    if far * np.finfo(np.float32).eps > MAX_STEP * size or far > np.finfo(np.float32).max / 1e6:
        raise InputError(
            f"The mesh {name} is {size:.3g} long and {far:.3g} away from the origin, too far to be exact;"
            " move it to the origin and export it again"
        )


def check_area(mesh: Mesh, name: str) -> None:
    """Refuse a mesh whose faces are all without area: there is nothing to paint.

    Raises:
        InputError: with the file's name.
    """
    size = float(np.ptp(mesh.vertices, axis=0).max())
    if not face_areas(mesh).sum() > MIN_AREA * size**2:
        raise InputError(f"The faces of {name} are all without area; choose another file")


def own_layout(source: SourceMesh, name: str) -> TexturedMesh:
    """A mesh in its own texture coordinates, with its own colours as one texture.

    Raises:
        InputError: when the coordinates cannot be painted into, see `own_charts`.
    """
    charts = own_charts(source, name)
    mesh, colours = source.mesh, source.colours
    found = texels(charts.faces, charts.uv, texture_px=OWN_PX)
    texture = fill_texture(found.index, found.of(colours, mesh.faces), texture_px=OWN_PX)
    normals = smooth_normals(mesh)[charts.vertex]
    return TexturedMesh(mesh.vertices[charts.vertex], charts.faces, normals, charts.uv, texture)


def own_charts(source: SourceMesh, name: str) -> Unwrapped:
    """The texture coordinates that a mesh came with, to be painted into.

    Faces that lie in another tile of the plane come to the first one. Materials that lie on top of each other
    get a part of the texture each, beside each other; parts of one material that do stay so.

    Raises:
        InputError: when there are none, they hold no area, or a face repeats the texture.
    """
    if source.uv is None:
        raise InputError(
            f"{name} has no texture coordinates to keep; unwrap it first or leave out --keep-uvs"
        )
    corners = source.uv[source.mesh.faces]
    tile = np.floor(corners.min(axis=1) + UV_SLACK)
    inner = corners - tile[:, None]
    if inner.max() > 1 + UV_SLACK:
        raise InputError(
            f"{name} repeats its texture, so that it cannot be painted as it is; unwrap it again or leave out"
            " --keep-uvs"
        )
    inner = inner.clip(0, 1)
    layer = np.unique(source.material, return_inverse=True)[1].reshape(-1)
    covered = [_coverage(inner[layer == index]) for index in range(int(layer.max()) + 1)]
    if not any(pixels.any() for pixels in covered):
        raise InputError(
            f"{name} has texture coordinates without area; unwrap it again or leave out --keep-uvs"
        )
    _tell_of_overlaps(inner, covered)
    used = np.sum(covered, axis=0)
    if (used > 1).sum() > MANY * (used > 0).sum():
        log.warning("%d materials share the texture; each gets its own part of it", len(covered))
        inner = _side_by_side(inner, layer)
    group = np.unique(np.column_stack([tile, layer]), axis=0, return_inverse=True)[1].reshape(-1)
    return _joined(source.mesh.faces, inner, group)


def _coverage(corners: Float[np.ndarray, "f 3 2"]) -> Bool[np.ndarray, " n"]:
    """Which pixels of a small texture faces cover."""
    flat = np.concatenate([corners.reshape(-1, 2) * COVERAGE_PX, np.zeros((corners.size // 2, 1))], axis=1)
    bvh = Bvh(flat.astype(np.float32), np.arange(len(flat)).reshape(-1, 3))
    axis = torch.arange(COVERAGE_PX) + 0.5
    down, right = torch.meshgrid(axis, axis, indexing="ij")
    above = torch.stack([right, down, torch.ones_like(down)], dim=-1).reshape(-1, 3)
    return bvh.cast(above, torch.tensor([0.0, 0.0, -1.0]).expand_as(above)).is_hit.numpy()


def _side_by_side(
    corners: Float[np.ndarray, "f 3 2"], layer: Int[np.ndarray, " f"]
) -> Float[np.ndarray, "f 3 2"]:
    """Each layer in a square of its own."""
    columns = int(np.ceil(np.sqrt(layer.max() + 1)))
    place = np.stack([layer % columns, layer // columns], axis=1)
    return (corners + place[:, None]) / columns


def _tell_of_overlaps(corners: Float[np.ndarray, "f 3 2"], covered: list[Bool[np.ndarray, " n"]]) -> None:
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    wanted = float(np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).sum() / 2)
    there = float(np.sum([pixels.mean() for pixels in covered]))
    if wanted > (1 + MANY) * there:
        share = 100 * (1 - there / wanted)
        log.warning("%.0f %% of the mesh shares its place in the texture with other parts", share)


def _joined(
    faces: Int[np.ndarray, "f 3"], corners: Float[np.ndarray, "f 3 2"], group: Int[np.ndarray, " f"]
) -> Unwrapped:
    """Corners as vertices again: one for every vertex in every group of faces that moved together."""
    count = int(group.max()) + 1
    keys = faces.astype(np.int64) * count + group[:, None]
    _, first, index = np.unique(keys, return_index=True, return_inverse=True)
    return Unwrapped(
        faces.reshape(-1)[first].astype(np.int64),
        index.reshape(-1, 3).astype(np.int32),
        corners.reshape(-1, 2)[first].astype(np.float32),
        is_charted=True,
    )
