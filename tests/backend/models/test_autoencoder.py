"""The autoencoder of view tiles: what it sees, its scalings, its sizes."""

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from backend.errors import ConfigError
from backend.models.autoencoder import ZERO123PLUS_AUTOENCODER, AutoencoderConfig, ViewAutoencoder
from backend.models.weights import load_network, save_weights

TINY = AutoencoderConfig(
    encoder_channels=(8, 8, 16), decoder_channels=(16, 16, 16), norm_groups=4, latent_channels=4
)


def _tiny(config: AutoencoderConfig = TINY) -> ViewAutoencoder:
    torch.manual_seed(0)
    return ViewAutoencoder(config).eval()


def _image(size: int = 32) -> torch.Tensor:
    return torch.rand(2, 4, size, size, generator=torch.Generator().manual_seed(1))


def test_colour_behind_transparent_pixels_does_not_matter():
    image = _image()
    image[:, 3, :, :16] = 0
    other = image.clone()
    other[:, :3, :, :16] = torch.rand(2, 3, 32, 16)
    vae = _tiny()
    assert torch.equal(vae.encode(image), vae.encode(other))


def test_empty_picture_is_the_image_of_zeros_on_grey():
    """Zero123++'s negative reference is the code of an all-zeros tensor."""
    config = AutoencoderConfig(channels=3, encoder_channels=(8, 16), decoder_channels=(8, 16), norm_groups=4)
    assert float(ViewAutoencoder(config).painted(torch.zeros(1, 4, 8, 8)).abs().max()) == 0


def test_painting_inverts_wherever_there_is_alpha():
    image = _image()
    image[:, 3] = image[:, 3] * 0.9 + 0.1
    vae = _tiny()
    assert_close(vae.unpainted(vae.painted(image)), image, atol=1e-5, rtol=0)


def test_three_channels_come_back_opaque():
    config = AutoencoderConfig(channels=3, encoder_channels=(8, 16), decoder_channels=(8, 16), norm_groups=4)
    vae = _tiny(config)
    decoded = vae.decode(torch.randn(1, 4, 4, 4))
    assert decoded.shape == (1, 4, 16, 16)
    assert bool((decoded[:, 3] == 1).all())


def test_decode_undoes_the_scalings_of_encode():
    """With encoder and decoder taken out, only shifts and scales remain, and they must cancel."""
    vae = _tiny()
    with torch.no_grad():
        vae.raw_mean.copy_(torch.tensor([1.0, -2.0, 0.5, 0.0]))
        vae.raw_scale.copy_(torch.tensor([0.1, 2.0, 1.0, 0.3]))
    raw = torch.randn(1, 4, 4, 4)
    seen = []
    vae.posterior = lambda painted: (raw, raw)
    vae.paint = lambda code: seen.append(code) or torch.zeros(1, 4, 32, 32)  # pyright: ignore
    vae.decode(vae.encode(_image()[:1]))
    assert_close(seen[0], raw, atol=1e-5, rtol=1e-5)


def test_measured_latents_have_zero_mean_and_unit_variance():
    vae = _tiny()
    raw = torch.randn(8, 4, 16, 16, generator=torch.Generator().manual_seed(2)) * 3 + 7
    vae.measure(raw, momentum=1.0)
    vae.posterior = lambda painted: (raw, raw)
    latents = vae.encode(torch.zeros(8, 4, 32, 32))
    assert_close(latents.mean(dim=(0, 2, 3)), torch.zeros(4), atol=1e-4, rtol=0)
    assert_close(latents.std(dim=(0, 2, 3)), torch.ones(4), atol=1e-3, rtol=0)


def test_eight_pixels_make_one_latent():
    assert AutoencoderConfig().downscale == 8
    assert _tiny().encode(_image(64)).shape == (2, 4, 8, 8)


def test_starter_size_is_within_its_share_of_the_bundle():
    with torch.device("meta"):
        vae = ViewAutoencoder(AutoencoderConfig())
    assert sum(p.numel() for p in vae.parameters()) <= 4_000_000


def test_published_size_is_that_of_stable_diffusion():
    """83,653,863 parameters (method notes of the published weights)."""
    with torch.device("meta"):
        vae = ViewAutoencoder(ZERO123PLUS_AUTOENCODER)
    assert sum(p.numel() for p in vae.parameters()) == 83_653_863


def test_weights_round_trip_with_their_constants(tmp_path: Path):
    vae = _tiny()
    vae.measure(torch.randn(4, 4, 8, 8) + 2, momentum=1.0)
    save_weights(vae, tmp_path, "vae", config=vae.config, quantized=False)
    loaded = load_network(ViewAutoencoder, AutoencoderConfig, tmp_path, "vae")
    assert loaded.config == vae.config
    # Stored as float16: eleven bits, and two convolutions deep in places.
    assert_close(loaded.encode(_image()), vae.encode(_image()), atol=0.05, rtol=0.05)


def test_two_channels_are_refused():
    with pytest.raises(ConfigError, match="3 or 4"):
        AutoencoderConfig(channels=2)
