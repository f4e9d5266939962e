"""ControlNets of Zero123++: a network that looks at a sheet and steers the UNet's pass over the canvas."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import ControlNetModel
from jaxtyping import Float
from torch import Tensor

from backend.geometry.cameras import sheet_from_views
from backend.models.cache import NetworkCache

Residuals = Callable[[Tensor, Tensor, Tensor], tuple[list[Tensor], Tensor]]
"""From a batch of canvases, their timesteps and prompts to what is added inside the UNet."""

CONTROL_GREY = 127 / 255
"""What a sheet stands on where it is transparent (the pipeline's to_rgb_image)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """A ControlNet and what it looks at.

    Attributes:
        folder: Its configuration and tensors.
        sheet: Six straight-alpha tiles of the canvas's size: depth, or the views whose normals are wanted.
        scale: Weight of what it adds (0.75 for depth and 1 for normals in the authors' examples).
    """

    folder: Path
    sheet: Float[Tensor, "v 4 h w"]
    scale: float

    def open(self, networks: NetworkCache, dtype: torch.dtype) -> Residuals:
        """Load the network.

        Raises:
            WeightsError: when it is missing, damaged or no ControlNet.
        """
        net = networks.component(ControlNetModel, self.folder, dtype=dtype)
        on_grey = self.sheet[:, :3] * self.sheet[:, 3:] + CONTROL_GREY * (1 - self.sheet[:, 3:])
        seen = (2 * sheet_from_views(on_grey)[None] - 1).to(networks.device, dtype)

        def residuals(canvas: Tensor, timesteps: Tensor, prompt: Tensor) -> tuple[list[Tensor], Tensor]:
            down, middle = net(
                canvas,
                timesteps,
                encoder_hidden_states=prompt,
                controlnet_cond=seen.expand(len(canvas), -1, -1, -1),
                conditioning_scale=self.scale,
                return_dict=False,
            )
            return list(down), middle

        return residuals
