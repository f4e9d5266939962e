"""Fitting a colour field to what the views show of a surface (One-2-3-45++, arXiv 2311.07885, 3.3).

The paper leaves all sizes open; ours are chosen for a two-core machine.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.errors import ConfigError, OnStep, ignore_steps
from backend.geometry.sightings import MIN_COSINE, Sightings
from backend.geometry.unseen import Unseen
from backend.models.colour_field import ColourField, ColourFieldConfig

FINAL_RATE = 0.1
"""Learning rate at the end as a share of that at the start (TensoRF)."""

ROUGHNESS_EVERY, ROUGHNESS_STRIDE = 4, 4
"""Total variation is taken at every so manieth step, on every so manieth row: it costs more than the rest."""


STEPS_AT_ONCE = 15
"""Steps whose batches are made together: numbers that go to the device wait there for the steps before."""

PointsT = TypeVar("PointsT", Sightings, Unseen)


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldFit:
    """How a colour field is fitted.

    Attributes:
        iterations: Steps of the fit.
        batch: Seen points a step; a quarter as many are drawn from the unseen surface.
        colour_field: Final size of the field; the fit begins at a quarter of its resolution.
        learning_rate: Of planes and lines; the network's is a tenth of it. From 0.08 to 0.3 a texture's PSNR
            differs by 0.1 dB (six objects, true geometry and views, 75 steps); 0.05 and 0.5 lose up to 0.3.
        normal_share: Share of seen points that get their normal for a view direction, as in the bake.
        surface_weight: Pull of unseen points towards the mesh's own colours.
        roughness_weight: Of total variation on the planes.
    """

    iterations: int = 150
    batch: int = 16384
    colour_field: ColourFieldConfig = field(default_factory=ColourFieldConfig)
    learning_rate: float = 0.15
    normal_share: float = 0.5
    surface_weight: float = 0.3
    roughness_weight: float = 1e-3

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.batch < 4:
            raise ConfigError(f"a fit needs steps and points, got {self}")


def fit_field(
    seen: Sightings,
    unseen: Unseen,
    *,
    seed: int,
    config: FieldFit,
    pixel: float = 0.0,
    on_step: OnStep = ignore_steps,
) -> ColourField:
    """Fit a colour field with L2 to seen points, and loosely to the mesh's own colours elsewhere.

    Coarse to fine, as in TensoRF. Random numbers come from the CPU, so every device draws the same points.

    Args:
        pixel: Side of what a pixel sees, in metres, across its ray. A seen point stands for all of it: on a
            surface seen aslant the points lie farther apart than the field's nodes, whose noise would show.
    """
    generator = torch.Generator().manual_seed(seed)
    device = seen.points.device
    start = replace(config.colour_field, resolution=max(2, config.colour_field.resolution // 4))
    field = ColourField(start, generator=generator).to(device)
    optimiser = _optimiser(field, config)
    batches = _batches(seen, unseen, config, pixel=pixel, generator=generator)
    for step, batch in enumerate(batches):
        if step in _refinements(config.iterations):
            doubled = min(2 * field.config.resolution, config.colour_field.resolution)
            field = field.resampled(doubled)
            optimiser = _optimiser(field, config)
        decay = FINAL_RATE ** (step / config.iterations)
        for group in optimiser.param_groups:
            group["lr"] = group["initial_lr"] * decay
        optimiser.zero_grad(set_to_none=True)
        _loss(field, batch, config, step).backward()
        optimiser.step()
        on_step(step + 1, config.iterations)
    return field.eval().requires_grad_(False)


def _refinements(iterations: int) -> tuple[int, int]:
    """Steps before which the resolution doubles."""
    return iterations * 3 // 10, iterations * 6 // 10


def _optimiser(field: ColourField, config: FieldFit) -> torch.optim.Adam:
    grids = [field.planes, field.lines]
    known = {id(values) for values in grids}
    layers = [values for values in field.parameters() if id(values) not in known]
    rates = (config.learning_rate, config.learning_rate / 10)
    groups = [
        {"params": params, "lr": rate, "initial_lr": rate}
        for params, rate in zip((grids, layers), rates, strict=True)
    ]
    return torch.optim.Adam(groups, betas=(0.9, 0.99), fused=True)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What a step fits the field to: seen points, and after them unseen ones."""

    points: Float[Tensor, "n 3"]
    directions: Float[Tensor, "n 3"]
    colours: Float[Tensor, "n 3"]
    weights: Float[Tensor, " n"]


def _batches(
    seen: Sightings, unseen: Unseen, config: FieldFit, *, pixel: float, generator: torch.Generator
) -> Iterator[_Batch]:
    """The batches of all steps, made for many of them at once; the next ones are made while steps are."""
    counts = [min(STEPS_AT_ONCE, config.iterations - at) for at in range(0, config.iterations, STEPS_AT_ONCE)]
    with ThreadPoolExecutor(max_workers=1) as thread:
        coming = thread.submit(_some_batches, seen, unseen, config, counts[0], pixel, generator)
        for count in (*counts[1:], 0):
            ready = coming.result()
            if count:
                coming = thread.submit(_some_batches, seen, unseen, config, count, pixel, generator)
            yield from ready


def _some_batches(
    seen: Sightings, unseen: Unseen, config: FieldFit, count: int, pixel: float, generator: torch.Generator
) -> list[_Batch]:
    drawn = [
        (
            first := _draw(len(seen.points), config.batch, generator),
            torch.rand(len(first), 3, generator=generator),
            _draw(len(unseen.points), config.batch // 4, generator),
            torch.rand(len(first), 1, generator=generator),
        )
        for _ in range(count)
    ]
    rows, place, others, chance = (
        torch.stack(column).to(seen.points.device) for column in zip(*drawn, strict=True)
    )
    shown = within_pixels(_rows(seen, rows.flatten()), place.flatten(0, 1), pixel=pixel)
    hidden = _rows(unseen, others.flatten())
    by_normal = torch.where(chance.flatten(0, 1) < config.normal_share, shown.normals, shown.directions)
    pairs = [
        (shown.points, hidden.points),
        (by_normal, hidden.normals),
        (shown.colours, hidden.colours),
        (shown.weights, config.surface_weight * hidden.weights),
    ]
    columns = [
        torch.cat([one.unflatten(0, rows.shape), other.unflatten(0, others.shape)], dim=1)
        for one, other in pairs
    ]
    return [_Batch(*row) for row in zip(*columns, strict=True)]


def _rows(points: PointsT, rows: Int[Tensor, " n"]) -> PointsT:
    """Some of the points."""
    return replace(points, **{column.name: getattr(points, column.name)[rows] for column in fields(points)})


def within_pixels(seen: Sightings, place: Float[Tensor, "n 3"], *, pixel: float) -> Sightings:
    """Seen points, each moved over the part of the surface that its pixel sees; `place` is in [0, 1]."""
    slant = (seen.directions * seen.normals).sum(dim=1, keepdim=True).clamp_min(MIN_COSINE)
    # Points seen squarely lie near enough to each other, and stay where they are sharpest.
    reach = pixel * (2 - 2 * slant).clamp(0, 1)
    shift = (place - 0.5) * reach
    # Along the ray, until the point is on the surface again.
    shift = shift - seen.directions * (shift * seen.normals).sum(dim=1, keepdim=True) / slant
    return replace(seen, points=seen.points + shift)


def _loss(field: ColourField, batch: _Batch, config: FieldFit, step: int) -> Float[Tensor, ""]:
    """Squared error of one batch, seen and unseen points in one pass through the field."""
    colours = field(batch.points, batch.directions)
    loss = ((colours - batch.colours).square().mean(dim=1) * batch.weights).sum() / max(1, len(colours))
    if config.roughness_weight > 0 and step % ROUGHNESS_EVERY == 0:
        offset = step // ROUGHNESS_EVERY % ROUGHNESS_STRIDE
        loss = loss + config.roughness_weight * ROUGHNESS_EVERY * field.roughness(ROUGHNESS_STRIDE, offset)
    return loss


def _draw(count: int, wanted: int, generator: torch.Generator) -> Int[Tensor, " n"]:
    """Random rows; none where there are none."""
    return torch.randint(max(count, 1), (wanted if count else 0,), generator=generator)
