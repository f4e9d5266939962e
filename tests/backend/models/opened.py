"""Opening Zero123++'s small random weights, and watching what its UNet is given."""

import torch

from backend.diffusion.views import ViewSampling
from backend.geometry.cameras import ViewRig
from backend.models.cache import NetworkCache
from backend.models.zero123plus import Zero123Plus
from backend.models.zero123plus_weights import read_zero123plus
from tests.backend.models.public_weights import TILE_PX

CPU = torch.device("cpu")
QUICK = ViewSampling(steps=3, guidance=4.0)
UNGUIDED = ViewSampling(steps=2, guidance=1.0)


def open_model(folder, **settings):
    networks = NetworkCache(CPU, is_keeping=False)
    return Zero123Plus(read_zero123plus(folder), networks, rig=ViewRig(tile_px=TILE_PX), **settings)


def seeded(seed=0):
    return [torch.Generator().manual_seed(seed)]


def prepare(model, picture, *, config=QUICK, seed=0):
    with torch.inference_mode():
        return model.prepare(picture[None], generators=seeded(seed), config=config)


class Passes:
    """Records what the UNet is given; says nothing itself."""

    def __init__(self, denoiser, monkeypatch):
        self.calls = []
        monkeypatch.setattr(denoiser.unet, "forward", self)

    def __call__(self, images, timesteps, prompt, **given):
        bank = given["cross_attention_kwargs"]["bank"]
        self.calls.append((images, timesteps, prompt, bank.mode, given))
        return (torch.zeros_like(images),)


def cut_out_picture():
    """A box of noise before nothing."""
    values = torch.rand(4, 64, 64, generator=torch.Generator().manual_seed(1))
    values[3] = 0
    values[3, 20:50, 16:40] = 1
    return values
