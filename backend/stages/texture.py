"""Stage texture: a colour field fitted to the six views on the finished mesh, baked into a texture.

One-2-3-45++ (arXiv 2311.07885), 3.3: geometry is fixed, a TensoRF field is fitted with L2 to the views at
the visible points of the surface, and baked with the surface normal as view direction. The points are found
once, by ray casting. The paper leaves all sizes open; ours are chosen for a two-core machine.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, Int, UInt8
from scipy.spatial import KDTree
from torch import Tensor

from backend.errors import ConfigError, OnStep, ignore_steps
from backend.geometry.bake import fill_texture, texels
from backend.geometry.cameras import Cameras
from backend.geometry.meshes import Mesh, TexturedMesh, interpolate, sample_surface, smooth_normals
from backend.geometry.placement import IN_PLACE, Placement, generation_space
from backend.geometry.raycast import Bvh
from backend.geometry.render import BARE, sample_picture
from backend.geometry.sightings import Observer, Sightings, silhouette_agreement
from backend.geometry.unwrap import Unwrapped, Unwrapping
from backend.models.colour_field import ColourField, ColourFieldConfig

WELL_SEEN_COSINE = 0.35
"""A point seen at least this squarely needs no help from the mesh's own colours."""

NUM_SURFACE_POINTS = 40_000
"""Points drawn from the whole surface, of which the unseen ones are kept."""

FIT_MARGIN = 0.03
"""Gain in agreement with the views' outlines for which a mesh is moved; a generated one stands right."""

NUM_NEIGHBOURS = 8
NEIGHBOUR_REACH, NORMAL_REACH = 0.04, 0.02
"""Metres over which seen colours fade into the mesh's own, and metres that a right angle of normals adds."""

NUM_BAKE_STEPS = 2
"""Reported steps after the fit: unwrap and bake."""

FINAL_RATE = 0.1
"""Learning rate at the end as a share of that at the start (TensoRF)."""

ROUGHNESS_EVERY, ROUGHNESS_STRIDE = 4, 4
"""Total variation is taken at every so manieth step, on every so manieth row: it costs more than the rest."""

CHUNK = 1 << 16
"""Points that the field is asked about at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextureConfig:
    """How the texture is made.

    Attributes:
        texture_px: Side of the texture.
        iterations: Steps of the fit.
        batch: Seen points a step; a quarter as many are drawn from the whole surface.
        colour_field: Final size of the field; the fit begins at a quarter of its resolution.
        learning_rate: Of planes and lines; the network's is a tenth of it.
        sharpness: How strongly the view that looks at a point most squarely outweighs the others.
        normal_share: Share of seen points that get their normal for a view direction, as in the bake.
        surface_weight: Pull of unseen points towards the mesh's own colours.
        roughness_weight: Of total variation on the planes.
        unwrap_seconds: Time limit of the unwrap.
    """

    texture_px: int = 1024
    iterations: int = 300
    batch: int = 8192
    colour_field: ColourFieldConfig = field(default_factory=ColourFieldConfig)
    learning_rate: float = 0.1
    sharpness: float = 4.0
    normal_share: float = 0.5
    surface_weight: float = 0.3
    roughness_weight: float = 1e-3
    unwrap_seconds: float = 60.0

    def __post_init__(self) -> None:
        if not 16 <= self.texture_px <= 8192 or self.iterations < 1 or self.batch < 4:
            raise ConfigError(f"a texture needs 16..8192 pixels, steps and points, got {self}")


def texture_mesh(
    mesh: Mesh | TexturedMesh,
    views: Float[Tensor, "v 4 h w"],
    cameras: Cameras,
    *,
    seed: int,
    config: TextureConfig,
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
    total = config.iterations + NUM_BAKE_STEPS
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
        unseen = _unseen(plain, normals, observer, seen, seed=seed)
        painted = fit_field(
            seen, unseen, seed=seed, config=config, on_step=lambda step, _: on_step(step, total)
        )
        charts = _own_charts(mesh) if isinstance(mesh, TexturedMesh) else unwrapping.result()
    painted.place = place
    on_step(config.iterations + 1, total)
    texture = bake(painted, plain, normals, charts, texture_px=config.texture_px)
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


@dataclass(frozen=True, slots=True)
class Unseen:
    """Points all over the surface with the mesh's own colours; `weights`: how little of each is seen."""

    points: Float[Tensor, "n 3"]
    normals: Float[Tensor, "n 3"]
    colours: Float[Tensor, "n 3"]
    weights: Float[Tensor, " n"]


def fit_field(
    seen: Sightings, unseen: Unseen, *, seed: int, config: TextureConfig, on_step: OnStep = ignore_steps
) -> ColourField:
    """Fit a colour field with L2 to seen points, and loosely to the mesh's own colours elsewhere.

    Coarse to fine, as in TensoRF. Random numbers come from the CPU, so every device draws the same points.
    """
    generator = torch.Generator().manual_seed(seed)
    device = seen.points.device
    start = replace(config.colour_field, resolution=max(2, config.colour_field.resolution // 4))
    field = ColourField(start, generator=generator).to(device)
    optimiser = _optimiser(field, config)
    for step in range(config.iterations):
        if step in _refinements(config.iterations):
            doubled = min(2 * field.config.resolution, config.colour_field.resolution)
            field = field.resampled(doubled)
            optimiser = _optimiser(field, config)
        decay = FINAL_RATE ** (step / config.iterations)
        for group in optimiser.param_groups:
            group["lr"] = group["initial_lr"] * decay
        optimiser.zero_grad(set_to_none=True)
        _loss(field, seen, unseen, generator, config, step).backward()
        optimiser.step()
        on_step(step + 1, config.iterations)
    return field.eval().requires_grad_(False)


def bake(
    field: ColourField,
    mesh: Mesh,
    normals: Float32[np.ndarray, "v 3"],
    charts: Unwrapped,
    *,
    texture_px: int,
) -> UInt8[np.ndarray, "h w 3"]:
    """Ask the field for the colour of every pixel, with the surface normal as view direction."""
    device = next(field.parameters()).device
    found = texels(charts.faces, charts.uv, texture_px=texture_px, device=device)
    corners = mesh.faces[found.face.numpy()]
    barycentric = found.barycentric.numpy()
    points = torch.from_numpy(interpolate(mesh.vertices, corners, barycentric)).float().to(device)
    facing = torch.from_numpy(interpolate(normals, corners, barycentric)).float().to(device)
    colours = [
        field(part, F.normalize(normal, dim=1))
        for part, normal in zip(points.split(CHUNK), facing.split(CHUNK), strict=True)
    ]
    return fill_texture(found.index, torch.cat(colours), texture_px=texture_px)


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


def _unseen(
    mesh: Mesh, normals: Float32[np.ndarray, "v 3"], observer: Observer, seen: Sightings, *, seed: int
) -> Unseen:
    face, barycentric = sample_surface(mesh, NUM_SURFACE_POINTS, np.random.default_rng(seed))
    corners = mesh.faces[face]
    colours = mesh.colours if mesh.colours is not None else np.full_like(mesh.vertices, BARE)
    points, facing, own = (
        torch.from_numpy(interpolate(values, corners, barycentric)).float().to(observer.bvh.device)
        for values in (mesh.vertices, normals, colours)
    )
    facing = F.normalize(facing, dim=1)
    weights = (1 - observer.best_cosine(points, facing) / WELL_SEEN_COSINE).clamp_min(0)
    keep = weights > 0
    points, facing, own = points[keep], facing[keep], own[keep]
    if len(points) and len(seen.points) >= NUM_NEIGHBOURS:
        own = _with_neighbours(points, facing, own, seen)
    return Unseen(points, facing, own, weights[keep])


def _with_neighbours(
    points: Float[Tensor, "n 3"], normals: Float[Tensor, "n 3"], own: Float[Tensor, "n 3"], seen: Sightings
) -> Float[Tensor, "n 3"]:
    """The mesh's own colours, fading into those of seen points nearby.

    The own ones come from a coarse grid, and show as blots in small pits and creases that no view reaches.
    """

    def places(positions: Tensor, directions: Tensor) -> np.ndarray:
        # Normals count a little, so that a thin wall does not take the colours of its other side.
        return torch.cat([positions, directions * NORMAL_REACH], dim=1).cpu().numpy()

    tree = KDTree(places(seen.points, seen.normals))
    distance, found = tree.query(places(points, normals), k=NUM_NEIGHBOURS)
    near = seen.weights.cpu().numpy()[found] / (distance + NEIGHBOUR_REACH / 20)
    near /= np.maximum(near.sum(axis=1, keepdims=True), 1e-12)
    theirs = np.einsum("nk,nkc->nc", near, seen.colours.cpu().numpy()[found])
    share = np.exp(-np.square(distance[:, :1] / NEIGHBOUR_REACH))
    return torch.lerp(
        own,
        torch.from_numpy(theirs).to(own),
        torch.from_numpy(share).to(own),
    )


def _refinements(iterations: int) -> tuple[int, int]:
    """Steps before which the resolution doubles."""
    return iterations * 3 // 10, iterations * 6 // 10


def _optimiser(field: ColourField, config: TextureConfig) -> torch.optim.Adam:
    grids = [*field.planes, *field.lines]
    known = {id(values) for values in grids}
    layers = [values for values in field.parameters() if id(values) not in known]
    rates = (config.learning_rate, config.learning_rate / 10)
    groups = [
        {"params": params, "lr": rate, "initial_lr": rate}
        for params, rate in zip((grids, layers), rates, strict=True)
    ]
    return torch.optim.Adam(groups, betas=(0.9, 0.99), fused=True)


def _loss(
    field: ColourField,
    seen: Sightings,
    unseen: Unseen,
    generator: torch.Generator,
    config: TextureConfig,
    step: int,
) -> Float[Tensor, ""]:
    """Squared error of one batch, seen and unseen points in one pass through the field."""
    device = seen.points.device
    first = _draw(len(seen.points), config.batch, generator).to(device)
    other = _draw(len(unseen.points), config.batch // 4, generator).to(device)
    by_normal = torch.rand(len(first), 1, generator=generator).to(device) < config.normal_share
    directions = torch.where(by_normal, seen.normals[first], seen.directions[first])
    colours = field(
        torch.cat([seen.points[first], unseen.points[other]]), torch.cat([directions, unseen.normals[other]])
    )
    target = torch.cat([seen.colours[first], unseen.colours[other]])
    weights = torch.cat([seen.weights[first], config.surface_weight * unseen.weights[other]])
    loss = ((colours - target).square().mean(dim=1) * weights).sum() / max(1, len(first) + len(other))
    if config.roughness_weight > 0 and step % ROUGHNESS_EVERY == 0:
        offset = step // ROUGHNESS_EVERY % ROUGHNESS_STRIDE
        loss = loss + config.roughness_weight * ROUGHNESS_EVERY * field.roughness(ROUGHNESS_STRIDE, offset)
    return loss


def _draw(count: int, wanted: int, generator: torch.Generator) -> Int[Tensor, " n"]:
    """Random rows; none where there are none."""
    return torch.randint(max(count, 1), (wanted if count else 0,), generator=generator)
