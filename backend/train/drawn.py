"""Views as stage 1 draws them from one picture, for stage 2 to learn what it will be given."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from backend.diffusion.views import ViewSampling
from backend.geometry.cameras import views_from_sheet
from backend.models.autoencoder import AutoencoderConfig, ViewAutoencoder
from backend.models.image_encoder import ImageEncoder, ImageEncoderConfig
from backend.models.multiview import MultiviewConfig, MultiviewNet
from backend.models.weights import load_network
from backend.presets import PRESETS
from backend.protocol import Preset
from backend.stages.views import ViewNetworks, encode_condition, resized, sample_latents
from backend.train.pictures import channels_last
from backend.train.scenes import Scenes, input_pictures
from backend.train.spoil import spoil

DECODED_AT_ONCE = 96
"""Tiles; their features at full size are what takes memory."""


@dataclass(frozen=True, slots=True)
class DrawnViews:
    """Photographs scenes once and draws their six views from that.

    Attributes:
        size: Side of the views that come out, in pixels.
    """

    networks: ViewNetworks
    sampling: ViewSampling
    size: int

    @torch.no_grad()
    def __call__(self, scenes: Scenes, count: int, seed: int) -> Float[Tensor, "b v 4 s s"]:
        """Straight-alpha views of the first scenes in the starter rig, from pictures with users' faults."""
        pictures, _ = input_pictures(scenes, torch.Generator().manual_seed(seed), self.networks.tile_px)
        pictures = spoil(pictures[:count], torch.Generator(scenes.device).manual_seed(seed))
        generators = [torch.Generator().manual_seed(seed * count + i) for i in range(count)]
        with self.networks.precision():
            condition = encode_condition(pictures, self.networks)
            latents = sample_latents(condition, self.networks, generators=generators, config=self.sampling)
            tiles = views_from_sheet(latents)
            parts = tiles.flatten(0, 1).split(DECODED_AT_ONCE)
            decoded = [resized(self.networks.vae.decode(part).float(), self.size) for part in parts]
        return torch.cat(decoded).unflatten(0, tiles.shape[:2])


def drawn_views(folder: Path, size: int, *, device: torch.device | str) -> DrawnViews:
    """With the networks of a folder, sampled as the standard preset does."""
    networks = ViewNetworks(
        channels_last(load_network(ViewAutoencoder, AutoencoderConfig, folder, "vae", device=device)),
        channels_last(load_network(ImageEncoder, ImageEncoderConfig, folder, "image_encoder", device=device)),
        channels_last(load_network(MultiviewNet, MultiviewConfig, folder, "views", device=device)),
    )
    preset = PRESETS[Preset.STANDARD]
    return DrawnViews(networks, ViewSampling(steps=preset.view_steps, guidance=preset.guidance), size)
