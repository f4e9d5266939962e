"""A whole set of weights so small and random that a job takes seconds."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw

from backend import work
from backend.geometry.cameras import ViewRig
from backend.models.autoencoder import AutoencoderConfig, ViewAutoencoder
from backend.models.blocks3d import UNetShape
from backend.models.image_encoder import ImageEncoder, ImageEncoderConfig
from backend.models.multiview import MultiviewConfig, MultiviewNet
from backend.models.occupancy import OccupancyConfig, OccupancyNet
from backend.models.picture_volume import VolumeConfig
from backend.models.shape import ShapeConfig, ShapeNet
from backend.models.view_features import ViewFeaturesConfig
from backend.models.weights import save_weights
from tests.backend.quick import quick_presets

TINY_AUTOENCODER = AutoencoderConfig(
    fold=1, encoder_channels=(8, 8, 8), decoder_channels=(8, 8, 8), norm_groups=4
)
TINY_IMAGE_ENCODER = ImageEncoderConfig(
    image_px=16, patch_px=8, width=16, hidden_width=16, layers=1, heads=2, embedding=16
)
TINY_MULTIVIEW = MultiviewConfig(
    rig=ViewRig(tile_px=32),
    latent_px=8,
    channels=(16, 16),
    layers=(1, 1),
    attention=(False, True),
    heads=(1, 2),
    num_tokens=4,
    token_channels=16,
    norm_groups=4,
    position_channels=2,
    volume=VolumeConfig(picture_channels=8, channels=(8, 8), features=2, depths=8, norm_groups=4),
)
TINY_FEATURES = ViewFeaturesConfig(
    image_px=16, patch_px=8, hidden=16, layers=1, heads=2, stem=4, map_channels=8, detail_channels=4
)
TINY_UNET = UNetShape(channels=(8, 8), blocks=(1, 1), condition=(8, 8), embedding=8)
TINY_OCCUPANCY = OccupancyConfig(views=TINY_FEATURES, unet=TINY_UNET, resolution=16, lift=8)
TINY_SHAPE = ShapeConfig(views=TINY_FEATURES, unet=TINY_UNET, resolution=32, lift=8, detail=8)


def write_tiny_weights(folder: Path) -> Path:
    """Write weights of this version, random but for two biases that make every job end in a mesh."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        occupancy, shape = OccupancyNet(TINY_OCCUPANCY), ShapeNet(TINY_SHAPE)
        for layer in (occupancy.leave, shape.leave):
            torch.nn.init.normal_(layer.weight, std=0.1)
        shape.leave.bias.data[0] = -1  # Deep inside: the mesh is the outline of the occupied cells.
        networks = {
            "vae": (ViewAutoencoder(TINY_AUTOENCODER), TINY_AUTOENCODER),
            "image_encoder": (ImageEncoder(TINY_IMAGE_ENCODER), TINY_IMAGE_ENCODER),
            "views": (MultiviewNet(TINY_MULTIVIEW), TINY_MULTIVIEW),
            "occupancy": (occupancy, TINY_OCCUPANCY),
            "shape": (shape, TINY_SHAPE),
        }
        for name, (network, config) in networks.items():
            save_weights(network, folder, name, config=config)
    return folder


def write_cutout(path: Path) -> Path:
    """Write a picture with transparency, which needs no matting network."""
    image = Image.new("RGBA", (96, 96), (0, 0, 0, 0))
    ImageDraw.Draw(image).polygon([(20, 80), (50, 10), (85, 60)], fill=(200, 80, 30, 255))
    image.save(path)
    return path


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Tiny tensors only wait for a second thread, and far longer where the cores are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def quick_jobs(one_thread: None) -> Iterator[None]:
    """Presets of two steps for jobs in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "PRESETS", quick_presets())
        yield


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory) -> Path:
    """A folder of weights so small that a job takes seconds."""
    return write_tiny_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="session")
def cutout(tmp_path_factory) -> Path:
    """A picture with transparency."""
    return write_cutout(tmp_path_factory.mktemp("pictures") / "cutout.png")
