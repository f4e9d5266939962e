"""Stage texture: a colour field fitted to the six views on the finished mesh, baked into a texture.

One-2-3-45++ (arXiv 2311.07885), 3.3: geometry is fixed, a TensoRF field is fitted with L2 to the views at
the visible points of the surface, and baked with the surface normal as view direction. The points are found
once, by ray casting. Fit and bake have modules of their own: `field_fit.py`, `field_bake.py`.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from backend.devices import deterministic
from backend.errors import ConfigError, OnStep, ignore_steps
from backend.geometry.bake import FineSurface, SurfacePixels, surface_pixels
from backend.geometry.cameras import Cameras
from backend.geometry.meshes import Mesh, TexturedMesh, smooth_normals
from backend.geometry.normal_map import bake_normals
from backend.geometry.placement import IN_PLACE, Placement, generation_space
from backend.geometry.raycast import Bvh, ray_device
from backend.geometry.render import BARE, sample_picture
from backend.geometry.shading import with_sharp_edges
from backend.geometry.sightings import Observer, Sightings, silhouette_agreement
from backend.geometry.unseen import UnseenColours, unseen_points, with_neighbours
from backend.geometry.unwrap import Unwrapped, Unwrapping
from backend.geometry.unwrap_process import UnwrapProcesses
from backend.models.colour_field import ColourField
from backend.stages.field_bake import field_colours, sharpened, sharpened_again
from backend.stages.field_fit import FieldFit, fit_field

FIT_MARGIN = 0.03
"""Gain in agreement with the views' outlines for which a mesh is moved; a generated one stands right."""

NUM_BAKE_STEPS = 2
"""Reported steps after the fit: unwrap and bake."""


@runtime_checkable
class Extra(Protocol):
    """What is seen of the surface besides the six views, such as the input picture."""

    def sightings(self, observer: Observer, seen: Sightings) -> Sightings:
        """What the views see, together with what else is seen of the observed surface."""
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
        sharpenings: How often the views are projected back into the texture after the fit.
        normal_map: Whether normals of the fine surface are baked too, where there is one.
        unwrap_seconds: Time limit of the unwrap.
    """

    texture_px: int = 1024
    fit: FieldFit = field(default_factory=FieldFit)
    sharpness: float = 4.0
    sharpenings: int = 3
    normal_map: bool = True
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
    fine: Mesh | None = None,
    extra: Extra | None = None,
    device: torch.device | str = "cpu",
    on_step: OnStep = ignore_steps,
) -> tuple[TexturedMesh, ColourField]:
    """Paint a mesh from its views; `texture_levels` for one mesh."""
    (painted,), field = texture_levels(
        [mesh],
        views,
        cameras,
        seed=seed,
        config=config,
        fine=fine,
        extra=extra,
        device=device,
        on_step=on_step,
    )
    return painted, field


def texture_levels(
    meshes: Sequence[Mesh | TexturedMesh],
    views: Float[Tensor, "v 4 h w"],
    cameras: Cameras,
    *,
    seed: int,
    config: TextureConfig,
    fine: Mesh | None = None,
    extra: Extra | None = None,
    processes: UnwrapProcesses | None = None,
    device: torch.device | str = "cpu",
    on_step: OnStep = ignore_steps,
) -> tuple[list[TexturedMesh], ColourField]:
    """Paint one or more levels of detail of a body from its views, with one colour field.

    A mesh from elsewhere is looked at as the networks' objects are, centred and fitted, where its outlines
    say so; the result stays where the mesh was, and the field's `place` leads from there to where it was
    looked at.

    A `TexturedMesh` keeps its texture coordinates; its picture, like the colours of a `Mesh`, is only used
    where no view shows the surface.

    Args:
        meshes: The levels, the most faces first.
        fine: The body before it was simplified, where there is one: what the views show is looked for on
            it, and normal maps tell of it.
        processes: Where the unwrap finds one that is ready.
    """
    plain = [_plain(mesh) for mesh in meshes]
    total = config.fit.iterations + NUM_BAKE_STEPS * len(meshes)
    with _half_the_threads(), deterministic(ray_device(device)), ExitStack() as stack:
        thread = stack.enter_context(ThreadPoolExecutor(max_workers=1))
        charts = [
            stack.enter_context(_charting(mesh, own, config, device, processes))
            for mesh, own in zip(meshes, plain, strict=True)
        ]
        place = _place(plain[0], views, cameras, device=device)
        surface = _at(plain[0] if fine is None else _plain(fine), place)
        normals = smooth_normals(surface)
        bvh = Bvh(surface.vertices, surface.faces, device=device)
        observer = Observer(bvh, torch.from_numpy(normals).to(bvh.device), views, cameras)
        hidden = thread.submit(unseen_points, surface, normals, observer, seed=seed)
        layout = _Layout(observer, place, fine is not None, config)
        first = thread.submit(layout.of, plain[0], charts[0])
        seen = observer.sightings(sharpness=config.sharpness)
        if extra is not None:
            seen = extra.sightings(observer, seen)
        unseen = with_neighbours(hidden.result(), seen)
        field = fit_field(
            seen,
            unseen,
            seed=seed,
            config=config.fit,
            pixel=observer.pixel,
            on_step=lambda step, _: on_step(step, total),
        )
        field.place = place
        painter = _Painter(field, observer, UnseenColours(unseen), config, extra)
        painted = []
        for number, (mesh, own, source) in enumerate(zip(meshes, plain, charts, strict=True)):
            done = config.fit.iterations + NUM_BAKE_STEPS * number
            laid = first.result() if number == 0 else layout.of(own, source)
            on_step(done + 1, total)
            level = painter.paint(laid)
            # A normal map tells of edges itself, and needs normals without breaks.
            is_plain = level.normal_map is None and not isinstance(mesh, TexturedMesh)
            painted.append(with_sharp_edges(level) if is_plain else level)
            on_step(done + 2, total)
    return painted, field.cpu()


@dataclass(frozen=True, slots=True)
class _Laid:
    """A mesh laid flat, before it is painted.

    Attributes:
        level: The mesh where it is looked at, with its normal map if it gets one; its texture is blank.
        vertices: Where its vertices stand.
        pixels: The pixels of its texture.
    """

    level: TexturedMesh
    vertices: Float32[np.ndarray, "v 3"]
    pixels: SurfacePixels


@dataclass(frozen=True, slots=True)
class _Layout:
    """How meshes of one body are laid flat: all that needs no colours, and goes on beside the fit.

    Attributes:
        place: From where meshes stand to where the observer looks at them.
        is_fine: Whether the observer looks at a finer surface than the meshes have.
    """

    observer: Observer
    place: Placement
    is_fine: bool
    config: TextureConfig

    def of(self, mesh: Mesh, source: "Unwrapping | _OwnCharts") -> _Laid:
        """Wait for a mesh's texture coordinates, and lay it out."""
        charts = source.result()
        placed, texture_px = _at(mesh, self.place), self.config.texture_px
        normals = smooth_normals(placed)
        fine = FineSurface(self.observer.bvh, self.observer.normals) if self.is_fine else None
        device = self.observer.bvh.device
        pixels = surface_pixels(placed, normals, charts, texture_px=texture_px, fine=fine, device=device)
        blank = np.zeros((texture_px, texture_px, 3), np.uint8)
        level = TexturedMesh(
            placed.vertices[charts.vertex], charts.faces, normals[charts.vertex], charts.uv, blank
        )
        if self.config.normal_map and fine is not None:
            level = replace(level, normal_map=bake_normals(level, pixels))
        return _Laid(level, mesh.vertices[charts.vertex], pixels)


@dataclass(frozen=True, slots=True)
class _Painter:
    """A fitted field and what it was fitted to, ready to paint meshes of the same body."""

    field: ColourField
    observer: Observer
    unseen: UnseenColours
    config: TextureConfig
    extra: Extra | None

    def paint(self, laid: _Laid) -> TexturedMesh:
        """Paint a mesh, and put it back where it stands."""
        texture = laid.pixels.picture(self._colours(laid.level, laid.pixels))
        return replace(laid.level, vertices=laid.vertices, texture=texture)

    def _colours(self, level: TexturedMesh, pixels: SurfacePixels) -> Float[Tensor, "n 3"]:
        """Colours of the pixels of a mesh that has no texture yet."""
        colours = field_colours(self.field, pixels.points, pixels.normals)
        sharpness = self.config.sharpness
        if self.config.sharpenings > 0:
            colours = sharpened(colours, pixels, self.field, self.observer, self.unseen, sharpness=sharpness)
        for _ in range(self.config.sharpenings - 1):
            colours = sharpened_again(colours, pixels, level, self.observer, sharpness=sharpness)
        if self.extra is not None:
            colours = self.extra.retouch(pixels.points, pixels.normals, colours)
        return colours


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


def _place(
    mesh: Mesh, views: Float[Tensor, "v 4 h w"], cameras: Cameras, *, device: torch.device | str
) -> Placement:
    """Leave the mesh where it stands, or centre and fit it where that suits the views' outlines better."""
    place = generation_space(mesh.vertices, mesh.faces)
    fitted = replace(mesh, vertices=place(mesh.vertices).astype(np.float32))
    here, there = (silhouette_agreement(option, views, cameras, device=device) for option in (mesh, fitted))
    return place if there > here + FIT_MARGIN else IN_PLACE


def _at(mesh: Mesh, place: Placement) -> Mesh:
    return mesh if place is IN_PLACE else replace(mesh, vertices=place(mesh.vertices).astype(np.float32))


@dataclass(frozen=True, slots=True)
class _OwnCharts:
    """The texture coordinates that a mesh came with, brought into the texture where they repeat it."""

    mesh: TexturedMesh

    def result(self) -> Unwrapped:
        uv = self.mesh.uv
        inside = uv if uv.min() >= 0 and uv.max() <= 1 else uv % 1
        return Unwrapped(np.arange(len(self.mesh.vertices)), self.mesh.faces, inside, is_charted=True)


def _charting(
    mesh: Mesh | TexturedMesh,
    own: Mesh,
    config: TextureConfig,
    device: torch.device | str,
    processes: UnwrapProcesses | None,
) -> AbstractContextManager[Unwrapping | _OwnCharts]:
    """Where a mesh's texture coordinates will come from."""
    if isinstance(mesh, TexturedMesh):
        return nullcontext(_OwnCharts(mesh))
    limit = config.unwrap_seconds
    return Unwrapping(
        own,
        texture_px=config.texture_px,
        time_limit=limit,
        device=ray_device(device),
        processes=processes,
    )
