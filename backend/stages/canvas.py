"""Sampling a canvas of six tiles: what all models of six views have in common."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from diffusers import EulerAncestralDiscreteScheduler
from jaxtyping import Bool, Float
from torch import Tensor

from backend.diffusion.views import Sampler, ViewSampling, ViewScheduler
from backend.errors import OnStep, ignore_steps


@runtime_checkable
class Denoiser(Protocol):
    """A model that knows what it is to draw."""

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """Shape of the fresh noise that each sample's reference picture gets at every step."""
        ...

    def __call__(
        self, scaled: Float[Tensor, "b c hh ww"], reference_noise: Tensor, timestep: int
    ) -> Float[Tensor, "b c hh ww"]:
        """The guided velocity of canvases at a training timestep."""
        ...


@runtime_checkable
class ViewModel(Protocol):
    """What draws the six views of a rig."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        ...

    @property
    def canvas(self) -> tuple[int, int, int]:
        """Channels, rows and columns of a canvas of latents."""
        ...

    @property
    def tile_px(self) -> int:
        """Side of a tile."""
        ...

    @property
    def background(self) -> float | None:
        """The grey that it paints behind the object; None where its tiles carry alpha."""
        ...

    def precision(self) -> AbstractContextManager[object]:
        """The precision that it computes in."""
        ...

    def scheduler(self, sampler: Sampler) -> ViewScheduler:
        """The sampler for its noise schedule."""
        ...

    def prepare(
        self,
        pictures: Float[Tensor, "b 4 h w"],
        *,
        generators: Sequence[torch.Generator],
        config: ViewSampling,
    ) -> Denoiser:
        """Encode matted, centred pictures (straight alpha) of any size and any device."""
        ...

    def encode(self, tiles: Float[Tensor, "v 4 h w"]) -> Float[Tensor, "1 c hh ww"]:
        """The canvas of six straight-alpha tiles of its size."""
        ...

    def decode(self, latents: Float[Tensor, "b c hh ww"]) -> Float[Tensor, "b v 4 h w"]:
        """Tiles of canvases; opaque where it paints a background."""
        ...


@dataclass(frozen=True, slots=True)
class KeptTiles:
    """Tiles of a canvas that are known, in the midst of those that are sampled.

    At every step they are what the noise of that step makes of them (RePaint, Lugmayr et al. 2022, eq. 8),
    so that attention over all six tiles draws the unknown ones to go with them.
    """

    latents: Float[Tensor, "b c hh ww"]
    is_kept: Bool[Tensor, "1 hh ww"]

    def put_into(
        self,
        latents: Float[Tensor, "b c hh ww"],
        *,
        noise: Float[Tensor, "b c hh ww"],
        scheduler: ViewScheduler,
        timestep: Tensor,
    ) -> Float[Tensor, "b c hh ww"]:
        """The canvas with the known tiles at a timestep's noise."""
        # diffusers means any tensor of timesteps by its annotation.
        noised = scheduler.add_noise(self.latents, noise, timestep[None])  # pyright: ignore[reportArgumentType]
        return torch.where(self.is_kept, noised, latents)


def sample_canvas(
    denoise: Denoiser,
    scheduler: ViewScheduler,
    *,
    shape: tuple[int, int, int],
    device: torch.device,
    generators: Sequence[torch.Generator],
    steps: int,
    kept: KeptTiles | None = None,
    on_step: OnStep = ignore_steps,
) -> Float[Tensor, "b c hh ww"]:
    """Sample a canvas of latents for each of the (CPU) generators, from which all its noise comes.

    The tiles `kept` steer the others; what comes back in their place is of no use.
    """
    scheduler.set_timesteps(steps)
    latents = _noise(shape, generators, device) * scheduler.init_noise_sigma
    for index, timestep in enumerate(scheduler.timesteps):
        if kept is not None:
            noise = _noise(shape, generators, device)
            latents = kept.put_into(latents, noise=noise, scheduler=scheduler, timestep=timestep)
        noise = _noise(denoise.noise_shape, generators, device)
        scaled = scheduler.scale_model_input(latents, timestep)
        predicted = denoise(scaled, noise, int(timestep))
        latents = _step(scheduler, predicted.float(), timestep, latents, generators)
        on_step(index + 1, steps)
    return latents


def _noise(shape: Sequence[int], generators: Sequence[torch.Generator], device: torch.device) -> Tensor:
    return torch.stack([torch.randn(*shape, generator=generator) for generator in generators]).to(device)


def _step(
    scheduler: ViewScheduler,
    predicted: Tensor,
    timestep: Tensor,
    latents: Tensor,
    generators: Sequence[torch.Generator],
) -> Tensor:
    """One step of the sampler; only the ancestral one draws noise."""
    if isinstance(scheduler, EulerAncestralDiscreteScheduler):
        # A list is not in its annotation, but it is what draws each sample's noise from its own generator.
        own = list(generators)
        return scheduler.step(
            predicted,
            timestep,
            latents,
            generator=own,  # pyright: ignore[reportArgumentType]
            return_dict=False,
        )[0]
    return scheduler.step(predicted, timestep, latents, return_dict=False)[0]
