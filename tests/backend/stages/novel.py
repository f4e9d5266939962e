"""Tiny random networks that draw single views of 32 pixels."""

import torch

from backend.models.autoencoder import AutoencoderConfig, ViewAutoencoder
from backend.models.image_encoder import ImageEncoder, ImageEncoderConfig
from backend.models.multiview import STARTER_RIG
from backend.models.picture_volume import PictureVolume, VolumeConfig
from backend.models.zero123 import Zero123Config, Zero123Net
from backend.stages.novel_starter import NovelViewNetworks

VOLUME = VolumeConfig(picture_channels=8, channels=(8, 8), features=2, depths=8, norm_groups=4)
ZERO = Zero123Config(
    latent_px=8,
    channels=(16, 16),
    layers=(1, 1),
    attention=(False, True),
    heads=(1, 2),
    embedding=16,
    norm_groups=4,
    hint_channels=7,
)


def tiny_novel_networks() -> NovelViewNetworks:
    torch.manual_seed(0)
    vae = AutoencoderConfig(fold=1, encoder_channels=(8, 8, 8), decoder_channels=(8, 8, 8), norm_groups=4)
    encoder = ImageEncoderConfig(
        image_px=16, patch_px=8, width=16, hidden_width=16, layers=1, heads=2, embedding=16
    )
    nets = NovelViewNetworks(
        ViewAutoencoder(vae),
        ImageEncoder(encoder),
        PictureVolume(VOLUME, rig=STARTER_RIG, size=8, latent_channels=4, embedding=16),
        Zero123Net(ZERO),
    )
    for net in (nets.vae, nets.image_encoder, nets.volume, nets.net):
        net.eval().requires_grad_(False)
    return nets
