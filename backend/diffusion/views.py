"""Noise schedule, target and samplers of the six-view diffusion (Zero123++, 2310.15110, section 2)."""

from dataclasses import dataclass
from typing import Literal

import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    UniPCMultistepScheduler,
)
from jaxtyping import Float, Int
from torch import Tensor

from backend.errors import ConfigError

Sampler = Literal["euler_ancestral", "dpm_solver", "unipc"]
ViewScheduler = EulerAncestralDiscreteScheduler | DPMSolverMultistepScheduler | UniPCMultistepScheduler

SAMPLERS: dict[Sampler, type[ViewScheduler]] = {
    "euler_ancestral": EulerAncestralDiscreteScheduler,
    "dpm_solver": DPMSolverMultistepScheduler,
    "unipc": UniPCMultistepScheduler,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewSchedule:
    """Linear betas: much of the schedule lies at high noise, where the layout of six views forms."""

    train_steps: int = 1000
    beta_start: float = 0.00085
    beta_end: float = 0.012

    def __post_init__(self) -> None:
        if self.train_steps < 1 or not 0 < self.beta_start <= self.beta_end < 1:
            raise ConfigError(f"need steps >= 1 and 0 < beta_start <= beta_end < 1, got {self}")

    def alpha_bar(self) -> Float[Tensor, " t"]:
        """Share of the signal's variance that is left at each of the training timesteps."""
        betas = torch.linspace(self.beta_start, self.beta_end, self.train_steps, dtype=torch.float64)
        return torch.cumprod(1 - betas, dim=0).float()


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewSampling:
    """How the six views are sampled.

    Attributes:
        guidance: Weight of the condition; 1 switches classifier-free guidance off, and halves the work.
        guidance_rescale: How far the overexposure of strong guidance is undone, from 0 to 1.
    """

    steps: int = 28
    guidance: float = 2.5
    guidance_rescale: float = 0.0
    sampler: Sampler = "euler_ancestral"

    def __post_init__(self) -> None:
        if self.steps < 1 or self.guidance < 1 or not 0 <= self.guidance_rescale <= 1:
            raise ConfigError(f"need steps >= 1, guidance >= 1 and rescale from 0 to 1, got {self}")


def make_scheduler(schedule: ViewSchedule, sampler: Sampler) -> ViewScheduler:
    """The sampler for v-prediction with trailing timesteps, so that the first step sees pure noise."""
    return SAMPLERS[sampler](
        num_train_timesteps=schedule.train_steps,
        beta_start=schedule.beta_start,
        beta_end=schedule.beta_end,
        beta_schedule="linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        steps_offset=1,
    )


def at_timesteps(alpha_bar: Float[Tensor, " t"], timesteps: Int[Tensor, " b"]) -> Float[Tensor, "b 1 1 1"]:
    """Each sample's alpha_bar, shaped to broadcast over images."""
    return alpha_bar[timesteps][:, None, None, None]


def add_noise(
    clean: Float[Tensor, "b c h w"], noise: Float[Tensor, "b c h w"], alpha_bar: Float[Tensor, "b 1 1 1"]
) -> Float[Tensor, "b c h w"]:
    """The variance-preserving forward process (Ho et al. 2020, eq. 4)."""
    return alpha_bar.sqrt() * clean + (1 - alpha_bar).sqrt() * noise


def velocity(
    clean: Float[Tensor, "b c h w"], noise: Float[Tensor, "b c h w"], alpha_bar: Float[Tensor, "b 1 1 1"]
) -> Float[Tensor, "b c h w"]:
    """What the network predicts (Salimans and Ho 2022, appendix D)."""
    return alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt() * clean


def clean_from_velocity(
    noisy: Float[Tensor, "b c h w"], predicted: Float[Tensor, "b c h w"], alpha_bar: Float[Tensor, "b 1 1 1"]
) -> Float[Tensor, "b c h w"]:
    """The clean image that a predicted velocity stands for."""
    return alpha_bar.sqrt() * noisy - (1 - alpha_bar).sqrt() * predicted


def velocity_weight(
    alpha_bar: Float[Tensor, "*b"], *, gamma: float, floor: float = 0.0
) -> Float[Tensor, "*b"]:
    """Weight of the squared velocity error that weighs the clean image's by min(SNR, gamma) + floor.

    Floor 0 is min-SNR weighting (Hang et al. 2023, section 3.4, for v-prediction), with which Zero123++ was
    fine-tuned from a model that could draw already. A network that starts from nothing has the layout
    to learn, and that happens where the signal is far below the noise: there only the floor gives weight.
    """
    snr = alpha_bar / (1 - alpha_bar)
    return (snr.clamp(max=gamma) + floor) / (snr + 1)


def guide(
    negative: Float[Tensor, "b c h w"],
    positive: Float[Tensor, "b c h w"],
    *,
    guidance: float,
    rescale: float = 0.0,
) -> Float[Tensor, "b c h w"]:
    """Classifier-free guidance; `rescale` moves each sample's deviation back to that of `positive`.

    Lin et al. 2024 (2305.08891), section 3.4: strong guidance overexposes; 0 leaves it, 1 undoes it.
    """
    guided = negative + guidance * (positive - negative)
    if rescale == 0:
        return guided
    wanted, found = (x.std(dim=(1, 2, 3), keepdim=True) for x in (positive, guided))
    return guided * (rescale * wanted / found.clamp_min(1e-6) + 1 - rescale)
