"""Stage texture: a colour field fitted to the six views on the finished mesh, baked into a texture.

One-2-3-45++ (arXiv 2311.07885), 3.3: geometry is fixed, a TensoRF field is fitted with L2 to the views at
the visible points of the surface, and baked with the surface normal as view direction. The points are found
once, by ray casting. Fit and bake have modules of their own: `field_fit.py`, `field_bake.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from backend.errors import ConfigError, OnStep, ignore_steps
from backend.geometry.cameras import Cameras
from backend.geometry.meshes import Mesh, TexturedMesh, smooth_normals
from backend.geometry.placement import IN_PLACE, Placement, generation_space
from backend.geometry.raycast import Bvh
from backend.geometry.render import BARE, sample_picture
from backend.geometry.sightings import Observer, Sightings, joined, silhouette_agreement
from backend.geometry.unseen import unseen_points
from backend.geometry.unwrap import Unwrapped, Unwrapping
from backend.models.colour_field import ColourField
from backend.stages.field_bake import bake
from backend.stages.field_fit import FieldFit, fit_field

FIT_MARGIN = 0.03
"""Gain in agreement with the views' outlines for which a mesh is moved; a generated one stands right."""

NUM_BAKE_STEPS = 2
"""Reported steps after the fit: unwrap and bake."""


@runtime_checkable
class Extra(Protocol):
    """What is seen of the surface besides the six views, such as the input picture."""

    def sightings(self, observer: Observer) -> Sightings | None:
        """Points of the observed surface with their colours, weighted like those of the views."""
        ...

    def retouch(
        self, points: Float[Tensor, "n 3"], normals: Float[Tensor, "n 3"], colours: Float[Tensor, "n 3"]
    ) -> Float[Tensor, "n 3"]:
        """Colours of the texture's pixels, given the field's; called once or in parts after `sightings`."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class TextureConfig:
    """How the texture is made.

    Attributes:
        texture_px: Side of the texture.
        fit: How the colour field is fitted.
        sharpness: How strongly the view that looks at a point most squarely outweighs the others.
        unwrap_seconds: Time limit of the unwrap.
    """

    texture_px: int = 1024
    fit: FieldFit = field(default_factory=FieldFit)
    sharpness: float = 4.0
    unwrap_seconds: float = 60.0

    def __post_init__(self) -> None:
        if not 16 <= self.texture_px <= 8192:
            raise ConfigError(f"a texture needs 16..8192 pixels, got {self}")


def texture_mesh(
    mesh: Mesh | TexturedMesh,
    views: Float[Tensor, "v 4 h w"],
    cameras: Cameras,
    *,
    seed: int,
    config: TextureConfig,
    extra: Extra | None = None,
    device: torch.device | str = "cpu",
    on_step: OnStep = ignore_steps,
) -> tuple[TexturedMesh, ColourField]:
    """Paint a mesh from its views.

    A mesh from elsewhere is looked at as the networks' objects are, centred and fitted, where its outlines
    say so; the result stays where the mesh was, and the field's `place` leads from there to where it was
    looked at.

    A `TexturedMesh` keeps its texture coordinates; its picture, like the colours of a `Mesh`, is only used
    where no view shows the surface.
    """
    total = config.fit.iterations + NUM_BAKE_STEPS
    own = _plain(mesh)
    time_limit = config.unwrap_seconds
    with (
        _half_the_threads(),
        Unwrapping(own, texture_px=config.texture_px, time_limit=time_limit) as unwrapping,
    ):
        place = _place(own, views, cameras)
        plain = own if place is IN_PLACE else replace(own, vertices=place(own.vertices).astype(np.float32))
        normals = smooth_normals(plain)
        bvh = Bvh(plain.vertices, plain.faces, device=device)
        observer = Observer(bvh, torch.from_numpy(normals).to(bvh.device), views, cameras)
        seen = observer.sightings(sharpness=config.sharpness)
        if extra is not None and (more := extra.sightings(observer)) is not None:
            seen = joined(seen, more)
        unseen = unseen_points(plain, normals, observer, seen, seed=seed)
        painted = fit_field(
            seen, unseen, seed=seed, config=config.fit, on_step=lambda step, _: on_step(step, total)
        )
        charts = _own_charts(mesh) if isinstance(mesh, TexturedMesh) else unwrapping.result()
    painted.place = place
    on_step(config.fit.iterations + 1, total)
    retouch = None if extra is None else extra.retouch
    texture = bake(painted, plain, normals, charts, texture_px=config.texture_px, retouch=retouch)
    on_step(total, total)
    vertices = mesh.vertices[charts.vertex]
    return TexturedMesh(vertices, charts.faces, normals[charts.vertex], charts.uv, texture), painted.cpu()


@contextmanager
def _half_the_threads() -> Iterator[None]:
    """Leave half of the processors to the unwrap.

    The fit's operations are small, and threads that wait for a processor that is taken make it ten times
    slower: on two busy cores 130 s with two threads and 17 s with one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // 2))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _plain(mesh: Mesh | TexturedMesh) -> Mesh:
    """The mesh with a colour at each vertex."""
    if isinstance(mesh, TexturedMesh):
        picture = torch.from_numpy(np.array(mesh.texture)).permute(2, 0, 1)[None].float() / 255
        return Mesh(mesh.vertices, mesh.faces, sample_picture(picture, torch.from_numpy(mesh.uv)).numpy())
    if mesh.colours is None:
        return replace(mesh, colours=np.full_like(mesh.vertices, BARE))
    return mesh


def _place(mesh: Mesh, views: Float[Tensor, "v 4 h w"], cameras: Cameras) -> Placement:
    """Leave the mesh where it stands, or centre and fit it where that suits the views' outlines better."""
    place = generation_space(mesh.vertices, mesh.faces)
    fitted = replace(mesh, vertices=place(mesh.vertices).astype(np.float32))
    here, there = (silhouette_agreement(option, views, cameras) for option in (mesh, fitted))
    return place if there > here + FIT_MARGIN else IN_PLACE


def _own_charts(mesh: TexturedMesh) -> Unwrapped:
    """The texture coordinates that a mesh came with, brought into the texture where they repeat it."""
    inside = mesh.uv if mesh.uv.min() >= 0 and mesh.uv.max() <= 1 else mesh.uv % 1
    return Unwrapped(np.arange(len(mesh.vertices)), mesh.faces, inside, is_charted=True)
