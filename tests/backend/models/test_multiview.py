"""The six-view network: reference attention, the global condition, sizes."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from backend.errors import ConfigError
from backend.models.autoencoder import AutoencoderConfig, ViewAutoencoder
from backend.models.image_encoder import (
    STARTER_IMAGE_ENCODER,
    ZERO123PLUS_IMAGE_ENCODER,
    ImageEncoder,
    ImageEncoderConfig,
)
from backend.models.multiview import (
    ZERO123PLUS_MULTIVIEW,
    MultiviewConfig,
    MultiviewNet,
    ViewCondition,
)
from backend.models.occupancy import OccupancyConfig, OccupancyNet
from backend.models.picture_volume import VolumeConfig
from backend.models.reference_attention import ReferenceBank
from backend.models.shape import ShapeConfig, ShapeNet
from backend.models.weights import load_network, save_weights
from tests.backend.picture_features import embedded

TINY = MultiviewConfig(
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
PLAIN = replace(TINY, position_channels=0, sees_rays=False, sees_picture=False, sees_volume=False)


def _net(config: MultiviewConfig = TINY) -> MultiviewNet:
    torch.manual_seed(0)
    return MultiviewNet(config).eval().requires_grad_(False)


def _inputs(batch: int = 2, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, ViewCondition]:
    generator = torch.Generator().manual_seed(seed)
    noisy = torch.randn(batch, 4, 24, 16, generator=generator)
    reference, picture = torch.randn(2, batch, 4, 8, 8, generator=generator)
    timesteps = torch.arange(batch) * 300 + 100
    return (
        noisy,
        reference,
        timesteps,
        ViewCondition(picture, embedded(torch.randn(batch, 16, generator=generator))),
    )


def test_published_unet_has_as_many_parameters():
    """865,910,724 in zero123plus-v1.2's unet; ours adds the ramp and the prompt's embedding beside it."""
    with torch.device("meta"):
        net = MultiviewNet(ZERO123PLUS_MULTIVIEW)
    assert sum(p.numel() for p in net.unet.parameters()) == 865_910_724
    assert net.ramp.shape == (77,)
    assert net.prompt.shape == (77, 1024)
    assert sum("attn1" in name for name in net.unet.attn_processors) == 16


def test_published_image_encoder_has_as_many_parameters():
    """632,076,800 in zero123plus-v1.2's vision_encoder."""
    with torch.device("meta"):
        encoder = ImageEncoder(ZERO123PLUS_IMAGE_ENCODER)
    assert sum(p.numel() for p in encoder.parameters()) == 632_076_800


def test_starter_networks_fit_the_bundle():
    """45 MiB for a parameter a byte: what a first object needs."""
    encoder = STARTER_IMAGE_ENCODER
    with torch.device("meta"):
        nets = (
            ViewAutoencoder(AutoencoderConfig()),
            ImageEncoder(encoder),
            MultiviewNet(MultiviewConfig(volume=VolumeConfig(map_channels=encoder.map_channels))),
            OccupancyNet(OccupancyConfig()),
            ShapeNet(ShapeConfig()),
        )
    assert sum(p.numel() for net in nets for p in net.parameters()) <= 45 * 2**20


def test_reference_reaches_the_canvas_by_self_attention_only():
    """Without any other input of the picture, it changes the result; with attn1 cut off, it cannot."""
    net = _net(PLAIN)
    noisy, reference, timesteps, condition = _inputs()
    one, other = (net(noisy, image, timesteps, condition) for image in (reference, -reference))
    assert float((one - other).abs().max()) > 1e-4
    for name, module in net.unet.named_modules():
        if name.endswith("attn1"):
            module.to_out[0].weight.data.zero_()
    one, other = (net(noisy, image, timesteps, condition) for image in (reference, -reference))
    assert torch.equal(one, other)


def test_reference_tokens_join_self_attention_and_not_cross_attention(monkeypatch: pytest.MonkeyPatch):
    """Canvas pass: 12 x 8 own tokens and 4 x 4 of the reference; the prompt keeps its own four."""
    net = _net()
    seen: list[tuple[int, int]] = []
    real = torch.nn.functional.scaled_dot_product_attention

    def spy(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        seen.append((query.shape[2], key.shape[2]))
        return real(query, key, value)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", spy)
    net(*_inputs())
    assert set(seen) == {(16, 16), (16, 4), (96, 112), (96, 4)}


def test_reference_is_the_hidden_state_before_keys_and_values():
    """Attention over joined tokens, written out: own and recorded tokens share one softmax."""
    net = _net()
    layer = next(m for n, m in net.unet.named_modules() if n.endswith("attn1"))
    own, recorded = torch.randn(1, 5, 16), torch.randn(1, 3, 16)
    name = layer.processor.name
    result = layer(own, bank=ReferenceBank(mode="attend", tokens={name: recorded}))
    joined = torch.cat([own, recorded], dim=1)
    query, key, value = (
        linear(x).unflatten(2, (2, 8)).transpose(1, 2)
        for linear, x in ((layer.to_q, own), (layer.to_k, joined), (layer.to_v, joined))
    )
    mixed = ((query @ key.transpose(2, 3)) / 8**0.5).softmax(-1) @ value
    assert_close(result, layer.to_out[0](mixed.transpose(1, 2).flatten(2)), atol=1e-5, rtol=1e-4)


def test_gradients_reach_the_reference():
    net = _net(PLAIN)
    noisy, reference, timesteps, condition = _inputs()
    reference.requires_grad_()
    net(noisy, reference, timesteps, condition).sum().backward()
    assert reference.grad is not None
    assert float(reference.grad.abs().sum()) > 0


def test_ramp_starts_as_linear_guidance():
    """i / L, and the first token carries nothing of the picture (2310.15110, section 2.2)."""
    assert_close(_net().ramp.data, torch.tensor([0.0, 0.25, 0.5, 0.75]))


def test_global_condition_enters_by_ramp_times_embedding(monkeypatch: pytest.MonkeyPatch):
    net = _net()
    noisy, reference, timesteps, condition = _inputs()
    prompts: list[torch.Tensor] = []
    monkeypatch.setattr(
        net.unet, "forward", lambda image, t, prompt, **_: (prompts.append(prompt), (image[:, :4],))[1]
    )
    net(noisy, reference, timesteps, condition)
    expected = net.prompt + net.ramp[None, :, None] * condition.features.embedding[:, None]
    assert len(prompts) == 2
    for prompt in prompts:
        assert_close(prompt, expected)


def test_zero_embedding_is_the_bare_prompt(monkeypatch: pytest.MonkeyPatch):
    net = _net()
    noisy, reference, timesteps, condition = _inputs()
    prompts: list[torch.Tensor] = []
    monkeypatch.setattr(
        net.unet, "forward", lambda image, t, prompt, **_: (prompts.append(prompt), (image[:, :4],))[1]
    )
    net(noisy, reference, timesteps, ViewCondition(condition.picture, embedded(torch.zeros(2, 16))))
    assert_close(prompts[0], net.prompt.expand(2, -1, -1))


def test_batch_equals_one_by_one():
    net = _net()
    noisy, reference, timesteps, condition = _inputs(batch=3)
    whole = net(noisy, reference, timesteps, condition)
    for i in range(3):
        part = slice(i, i + 1)
        single = ViewCondition(condition.picture[part], embedded(condition.features.embedding[part]))
        alone = net(noisy[part], reference[part], timesteps[part], single)
        assert_close(alone, whole[part], atol=1e-5, rtol=1e-4)


def test_rays_of_a_tile_are_those_of_its_camera():
    """The middle of the tile in row 1, column 0 (view 2, azimuth 150) looks at the origin."""
    rays = _net().rays
    tile = rays[:, 8:16, 0:8]
    middle = tile[:3, 3:5, 3:5].mean(dim=(1, 2))
    direction = -TINY.rig.cameras().position[2]
    assert_close(middle / middle.norm(), direction / direction.norm(), atol=1e-4, rtol=0)
    assert float(tile[3:, 3:5, 3:5].norm(dim=0).max()) < float(tile[3:, 0, 0].norm())


def test_weights_round_trip(tmp_path: Path):
    net = _net()
    save_weights(net, tmp_path, "views", config=net.config)
    loaded = load_network(MultiviewNet, MultiviewConfig, tmp_path, "views")
    assert loaded.config == net.config
    assert_close(loaded(*_inputs()), net(*_inputs()), atol=0.05, rtol=0.05)


def test_image_encoder_sees_no_hidden_colour():
    torch.manual_seed(0)
    config = ImageEncoderConfig(image_px=32, width=16, hidden_width=32, layers=1, heads=2, embedding=16)
    encoder = ImageEncoder(config).eval()
    picture = torch.rand(1, 4, 32, 32)
    picture[:, 3, :16] = 0
    other = picture.clone()
    other[:, :3, :16] = 0
    assert torch.equal(encoder(picture).embedding, encoder(other).embedding)


def test_tile_that_cannot_be_halved_is_refused():
    with pytest.raises(ConfigError, match="halved"):
        replace(TINY, latent_px=7)
