"""Noise schedule, target and sampler of view-conditioned diffusion (Zero123, arXiv 2303.11328)."""

from dataclasses import dataclass
from typing import Literal

from diffusers import DDIMScheduler
from jaxtyping import Float
from torch import Tensor

from backend.diffusion.views import clean_from_velocity, velocity
from backend.errors import ConfigError

Betas = Literal["linear", "scaled_linear"]
Prediction = Literal["epsilon", "v_prediction"]
Spacing = Literal["leading", "linspace", "trailing"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DdimSchedule:
    """What a network was trained to remove, as data of a set of weights.

    Attributes:
        betas: "scaled_linear" rises by the squares of evenly spaced roots (latent diffusion's "linear").
        spacing: Which training timesteps a sampler visits.
        ends_clean: Whether the last step removes all noise instead of all but the first timestep's.
    """

    train_steps: int = 1000
    beta_start: float = 0.00085
    beta_end: float = 0.012
    betas: Betas = "linear"
    prediction: Prediction = "v_prediction"
    spacing: Spacing = "trailing"
    steps_offset: int = 1
    ends_clean: bool = True

    def __post_init__(self) -> None:
        if self.train_steps < 1 or not 0 < self.beta_start <= self.beta_end < 1:
            raise ConfigError(f"need steps >= 1 and 0 < beta_start <= beta_end < 1, got {self}")

    def scheduler(self) -> DDIMScheduler:
        """The sampler."""
        return DDIMScheduler(
            num_train_timesteps=self.train_steps,
            beta_start=self.beta_start,
            beta_end=self.beta_end,
            beta_schedule=self.betas,
            prediction_type=self.prediction,
            timestep_spacing=self.spacing,
            steps_offset=self.steps_offset,
            set_alpha_to_one=self.ends_clean,
            clip_sample=False,
        )

    def alpha_bar(self) -> Float[Tensor, " t"]:
        """Share of the signal's variance that is left at each of the training timesteps."""
        return self.scheduler().alphas_cumprod

    def target(
        self,
        clean: Float[Tensor, "b c h w"],
        noise: Float[Tensor, "b c h w"],
        share: Float[Tensor, "b 1 1 1"],
    ) -> Float[Tensor, "b c h w"]:
        """What the network predicts; `share` is each sample's alpha_bar."""
        return noise if self.prediction == "epsilon" else velocity(clean, noise, share)

    def clean(
        self,
        noisy: Float[Tensor, "b c h w"],
        predicted: Float[Tensor, "b c h w"],
        share: Float[Tensor, "b 1 1 1"],
    ) -> Float[Tensor, "b c h w"]:
        """The clean image that a prediction stands for."""
        if self.prediction == "epsilon":
            return (noisy - (1 - share).sqrt() * predicted) / share.sqrt()
        return clean_from_velocity(noisy, predicted, share)


ZERO123_SCHEDULE = DdimSchedule(
    betas="scaled_linear", prediction="epsilon", spacing="leading", ends_clean=False
)
"""The published scheduler of Zero123 (kxhit/zero123-hf)."""
