"""Views of an object from any camera, each drawn by itself from one picture, and One-2-3-45's set of 32.

Four views beside the picture tell its elevation; eight anchors around the object are drawn from the picture,
and four neighbours of each from that anchor (One-2-3-45, arXiv 2306.16928).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from diffusers import DDIMScheduler
from jaxtyping import Float
from torch import Tensor

from backend.diffusion.views import guide
from backend.errors import ConfigError, OnStep, ignore_steps
from backend.geometry.anchors import NUM_ANCHOR_VIEWS, NUM_ANCHORS, NUM_NEIGHBOURS, AnchorLayout, Directions
from backend.geometry.cameras import Cameras
from backend.geometry.elevation import estimate_elevation
from backend.models.zero123 import Zero123Condition, Zero123Net
from backend.stages.silhouettes import cut_from


@runtime_checkable
class NovelModel(Protocol):
    """What draws single views from pictures and relative cameras."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        ...

    @property
    def layout(self) -> AnchorLayout:
        """The cameras that it draws."""
        ...

    @property
    def net(self) -> Zero123Net:
        """The network that removes noise."""
        ...

    @property
    def background(self) -> float | None:
        """The grey that it paints behind the object; None where its views carry alpha."""
        ...

    def precision(self) -> AbstractContextManager[object]:
        """The precision that it computes in."""
        ...

    def guess_elevation(self, picture: Float[Tensor, "4 h w"]) -> float:
        """What elevation a picture's camera seems to have, in radians, before any other view is drawn."""
        ...

    def condition(
        self,
        pictures: Float[Tensor, "b 4 h w"],
        toward: Directions,
        *,
        elevation: Float[Tensor, " b"],
        are_tiles: bool,
    ) -> Zero123Condition:
        """What views toward directions (b, v), relative to their pictures' cameras, are drawn from.

        Args:
            pictures: Straight-alpha sRGB in [0, 1], of any size.
            elevation: Of the pictures' cameras in radians; NaN where it is not known.
            are_tiles: Whether the pictures are views of this model, else centred as by `crop_to_object`.
        """
        ...

    def decode(self, latents: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 4 h2 w2"]:
        """Straight-alpha views of latents; opaque ones where it paints a background."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class NovelSampling:
    """How views are sampled.

    Attributes:
        steps: Of the whole schedule.
        share: Of the schedule that is run. Less than all of it starts from the hint and not from noise alone,
            so that views of one object, whose hints are drawn from one volume, agree with each other.
        guidance: Weight of the condition; 1 switches classifier-free guidance off, and halves the work.
        eta: Share of fresh noise in every step (DDIM, arXiv 2010.02502, eq. 16).
        batch: Views drawn at once.
    """

    steps: int = 16
    share: float = 0.5
    guidance: float = 1.0
    eta: float = 0.0
    batch: int = 16

    def __post_init__(self) -> None:
        if self.steps < 1 or self.guidance < 1 or not 0 <= self.eta <= 1 or self.batch < 1:
            raise ConfigError(f"need steps, batch and guidance >= 1 and eta from 0 to 1, got {self}")
        if not 0 < self.share <= 1:
            raise ConfigError(f"need a share of the schedule above 0, up to 1, got {self}")

    @property
    def num_steps(self) -> int:
        """Steps that are run."""
        return max(1, round(self.share * self.steps))


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewSetSampling:
    """How the set of views is sampled: those drawn from the picture, and those drawn from the anchors."""

    anchors: NovelSampling = field(default_factory=NovelSampling)
    neighbours: NovelSampling = field(default_factory=lambda: NovelSampling(steps=8))

    @property
    def total(self) -> int:
        """View steps in all: the measure of progress."""
        first = (NUM_NEIGHBOURS + NUM_ANCHORS) * self.anchors.num_steps
        return first + NUM_ANCHOR_VIEWS * self.neighbours.num_steps


PUBLISHED_SAMPLING = ViewSetSampling(
    anchors=NovelSampling(steps=75, share=1.0, guidance=3.0, eta=1.0),
    neighbours=NovelSampling(steps=50, share=1.0, guidance=3.0, eta=1.0),
)
"""What One-2-3-45 uses with Zero123's weights (its run.py)."""


@dataclass(frozen=True, slots=True)
class ViewSet:
    """The 32 views, on the CPU.

    Attributes:
        views: Straight-alpha sRGB in [0, 1], in the order of `AnchorLayout.views`.
        cameras: Theirs.
        elevation: Of the picture, in radians.
        num_matches: Points that told the elevation; with 0 it is the model's guess.
        anchors: The views that the others were drawn from.
    """

    views: Float[Tensor, "v 4 h w"]
    cameras: Cameras
    elevation: float
    num_matches: int
    anchors: Float[Tensor, "a 4 h w"]


def generate_view_set(
    picture: Float[Tensor, "4 h w"],
    model: NovelModel,
    *,
    seed: int,
    config: ViewSetSampling,
    on_step: OnStep = ignore_steps,
) -> ViewSet:
    """Draw the 32 views of One-2-3-45 from a matted, centred picture (`crop_to_object`)."""
    layout = model.layout
    painter = _Painter(model, seed, config.total, on_step)
    origin = Directions(torch.zeros(1), torch.zeros(1))
    unknown = torch.full((1,), torch.nan)
    near = painter(picture[None], layout.neighbours(origin), unknown, config.anchors, are_tiles=False)
    with torch.inference_mode(), model.precision():
        expected = model.guess_elevation(picture)
    found = estimate_elevation(near[0], layout, expected=expected)
    elevation = torch.tensor([found.elevation], dtype=torch.float32)
    places = layout.anchors(elevation)
    toward = Directions(places.azimuth, places.elevation - elevation[:, None])
    anchors = painter(picture[None], toward, elevation, config.anchors, are_tiles=False)[0]
    around = layout.neighbours(Directions(torch.zeros(NUM_ANCHORS), torch.zeros(NUM_ANCHORS)))
    views = painter(anchors, around, places.elevation[0], config.neighbours, are_tiles=True)
    return ViewSet(
        views.flatten(0, 1),
        layout.cameras(elevation[0]),
        float(elevation),
        found.num_matches,
        anchors,
    )


class _Painter:
    """Draws rounds of views, each view from a seed of its own, and reports on all rounds as one."""

    def __init__(self, model: NovelModel, seed: int, total: int, on_step: OnStep) -> None:
        self.model = model
        self.seed = seed
        self.total = total
        self.on_step = on_step
        self.num_views = 0
        self.done = 0

    def __call__(
        self,
        pictures: Float[Tensor, "b 4 h w"],
        toward: Directions,
        elevation: Float[Tensor, " b"],
        config: NovelSampling,
        *,
        are_tiles: bool,
    ) -> Float[Tensor, "b v 4 h2 w2"]:
        count = toward.azimuth.numel()
        # A prime stride keeps the views of neighbouring seeds apart.
        seeds = [self.seed * 1_000_003 + self.num_views + index for index in range(count)]
        self.num_views += count
        with torch.inference_mode(), self.model.precision():
            condition = self.model.condition(pictures, toward, elevation=elevation, are_tiles=are_tiles)
            latents = sample_views(
                condition, self.model.net, seeds=seeds, config=config, on_step=self._report
            )
            self.done += count * config.num_steps
            views = self.model.decode(latents).float().cpu()
        background = self.model.background
        cut = views if background is None else cut_from(views, background)
        return cut.unflatten(0, toward.azimuth.shape)

    def _report(self, done: int, _: int) -> None:
        self.on_step(self.done + done, self.total)


def sample_views(
    condition: Zero123Condition,
    net: Zero123Net,
    *,
    seeds: Sequence[int],
    config: NovelSampling,
    on_step: OnStep = ignore_steps,
) -> Float[Tensor, "n c h w"]:
    """Sample the latents of each view with noise from its own seed, `config.batch` views at once.

    `on_step` counts the steps of all views.
    """
    schedule = net.config.schedule.scheduler()
    schedule.set_timesteps(config.steps)
    parts = []
    for start in range(0, len(seeds), config.batch):
        part = slice(start, start + config.batch)
        count, done = len(seeds[part]), start * config.num_steps

        def report(step: int, _: int, count: int = count, done: int = done) -> None:
            on_step(done + count * step, len(seeds) * config.num_steps)

        generators = [torch.Generator().manual_seed(seed) for seed in seeds[part]]
        parts.append(_sampled(condition[part], net, schedule, generators, config, report))
    return torch.cat(parts)


def _sampled(
    condition: Zero123Condition,
    net: Zero123Net,
    scheduler: DDIMScheduler,
    generators: Sequence[torch.Generator],
    config: NovelSampling,
    on_step: OnStep,
) -> Float[Tensor, "n c h w"]:
    device = condition.token.device
    shape = (net.config.latent_channels, net.config.latent_px, net.config.latent_px)
    timesteps = scheduler.timesteps[-config.num_steps :]
    latents = _noise(shape, generators, device)
    if config.num_steps < config.steps:
        seen = condition.hint[:, : net.config.latent_channels].float()
        # diffusers means any tensor of timesteps by its annotation.
        latents = scheduler.add_noise(seen, latents, timesteps[:1])  # pyright: ignore[reportArgumentType]
    is_guided = config.guidance > 1
    if is_guided:
        nothing = torch.zeros(len(latents), dtype=torch.bool, device=device)
        condition = condition.after(condition.kept(nothing))
    for index, timestep in enumerate(timesteps):
        seen = torch.cat([latents, latents]) if is_guided else latents
        times = timestep.to(device).expand(len(seen))
        predicted = net(seen, times, condition).float()
        if is_guided:
            negative, positive = predicted.chunk(2)
            predicted = guide(negative, positive, guidance=config.guidance)
        noise = _noise(shape, generators, device) if config.eta else None
        latents = scheduler.step(
            # diffusers annotates a timestep as a number.
            predicted,
            timestep,  # pyright: ignore[reportArgumentType]
            latents,
            eta=config.eta,
            variance_noise=noise,
            return_dict=False,
        )[0]
        on_step(index + 1, config.num_steps)
    return latents


def _noise(
    shape: tuple[int, int, int], generators: Sequence[torch.Generator], device: torch.device
) -> Float[Tensor, "n c h w"]:
    return torch.stack([torch.randn(*shape, generator=generator) for generator in generators]).to(device)
