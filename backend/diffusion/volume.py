"""Noise schedule and sampling loop of the diffusion in volumes: occupancy and shape."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler
from jaxtyping import Float
from torch import Tensor

from backend.errors import ConfigError, OnStep, ignore_steps

VolumeSampler = Literal["ddim", "dpm_solver"]
VolumeScheduler = DDIMScheduler | DPMSolverMultistepScheduler

PURE_NOISE = 2.0**-24
"""Share of the signal at the last timestep: none, but a solver can take its logarithm."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VolumeSchedule:
    """LAS-Diffusion's schedule, alpha_bar = exp(-(offset + slope t^2)), ending in pure noise.

    Neighbouring cells say much the same, so a volume is still legible under noise that hides a picture: half
    of this schedule lies below a signal-to-noise ratio of 0.1.
    """

    train_steps: int = 1000
    offset: float = 1e-4
    slope: float = 10.0

    def __post_init__(self) -> None:
        if self.train_steps < 2 or self.offset <= 0 or self.slope <= 0:
            raise ConfigError(f"need 2 steps, offset > 0 and slope > 0, got {self}")

    def alpha_bar(self) -> Float[Tensor, " t"]:
        """Share of the signal's variance that is left at each of the training timesteps."""
        t = torch.arange(1, self.train_steps + 1, dtype=torch.float64) / self.train_steps
        root = torch.exp(-(self.offset + self.slope * t.square()) / 2)
        # Lin et al. 2024 (2305.08891), algorithm 1: sampling starts from pure noise, so training ends there.
        root = (root - root[-1]) * root[0] / (root[0] - root[-1])
        return root.square().clamp_min(PURE_NOISE).float()


def make_volume_scheduler(schedule: VolumeSchedule, sampler: VolumeSampler) -> VolumeScheduler:
    """diffusers' sampler for a network that predicts the clean volume, coded in [-1, 1]."""
    alpha_bar = schedule.alpha_bar().double()
    before = torch.cat([torch.ones(1, dtype=torch.float64), alpha_bar[:-1]])
    betas = (1 - alpha_bar / before).numpy()
    if sampler == "ddim":
        return DDIMScheduler(
            num_train_timesteps=schedule.train_steps,
            trained_betas=betas,
            prediction_type="sample",
            clip_sample=True,
            clip_sample_range=1.0,
            timestep_spacing="trailing",
        )
    return DPMSolverMultistepScheduler(
        num_train_timesteps=schedule.train_steps,
        trained_betas=betas,
        prediction_type="sample",
        timestep_spacing="trailing",
        final_sigmas_type="zero",
    )


def add_volume_noise(
    clean: Float[Tensor, "*s"], noise: Float[Tensor, "*s"], alpha_bar: Float[Tensor, "*r"]
) -> Float[Tensor, "*s"]:
    """The variance-preserving forward process; `alpha_bar` broadcasts to the volumes."""
    return alpha_bar.sqrt() * clean + (1 - alpha_bar).sqrt() * noise


def sample_volume(
    denoise: Callable[[Float[Tensor, "*s"], int], Float[Tensor, "*s"]],
    noise: Float[Tensor, "*s"],
    *,
    schedule: VolumeSchedule,
    sampler: VolumeSampler,
    steps: int,
    on_step: OnStep = ignore_steps,
) -> Float[Tensor, "*s"]:
    """Turn noise into a clean volume in [-1, 1]; `denoise` predicts it from a noisy one and its timestep."""
    scheduler = make_volume_scheduler(schedule, sampler)
    scheduler.set_timesteps(steps)
    volume = noise
    for index, timestep in enumerate(scheduler.timesteps.tolist()):
        clean = denoise(volume, timestep).float().clamp(-1, 1)
        volume = scheduler.step(clean, timestep, volume, return_dict=False)[0]
        on_step(index + 1, steps)
    return volume
