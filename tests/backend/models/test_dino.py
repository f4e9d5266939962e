"""Public DINOv2 weights as the view encoder of stage 2, frozen and trained."""

import argparse

import pytest
import torch
from torch.testing import assert_close
from transformers import Dinov2Config, Dinov2Model

from backend.errors import ConfigError, WeightsError
from backend.geometry.cameras import STARTER_RIG
from backend.models.blocks3d import UNetShape
from backend.models.component_layout import build_empty
from backend.models.dino import dino_features, load_dino
from backend.models.occupancy import PAPER_OCCUPANCY, OccupancyConfig, OccupancyNet
from backend.models.view_features import RGB_MEAN, RGB_STD, ViewEncoder, ViewFeaturesConfig, premultiplied
from backend.models.weights import load_network, save_weights
from backend.stages.occupancy import batched
from backend.train.encoders import add_encoder_arguments, features_from, load_encoder
from tests.backend.models.public_weights import edit_json, edit_tensors
from tests.backend.models.published import dinov2

PATCH, POSITIONS_PX = 14, 56
BASE = ViewFeaturesConfig(stem=0, map_channels=8)
OLD_NAMES = {
    ".attention.q_proj.": ".attention.attention.query.",
    ".attention.k_proj.": ".attention.attention.key.",
    ".attention.v_proj.": ".attention.attention.value.",
    ".attention.o_proj.": ".attention.output.dense.",
}


@pytest.fixture(scope="module")
def public():
    torch.manual_seed(0)
    config = Dinov2Config(
        image_size=POSITIONS_PX, patch_size=PATCH, hidden_size=16, num_hidden_layers=2, num_attention_heads=2
    )
    return Dinov2Model(config).eval()


@pytest.fixture
def folder(public, tmp_path):
    """The published layout, with the published names of tensors."""
    public.save_pretrained(tmp_path)

    def rename(tensors):
        for name in list(tensors):
            for new, old in OLD_NAMES.items():
                if new in name:
                    tensors[name.replace(new, old)] = tensors.pop(name)

    edit_tensors(tmp_path / "model.safetensors", rename)
    return tmp_path


def make(folder, *, image_px=POSITIONS_PX, is_frozen=True):
    encoder = ViewEncoder(dino_features(folder, BASE, image_px=image_px))
    load_dino(encoder, folder, is_frozen=is_frozen)
    return encoder.eval()


def views(size):
    return torch.rand(1, 6, 4, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("image_px", [56, 70])
def test_the_encoder_sees_what_dinov2_sees(folder, public, image_px):
    """Tiles of any size are brought to the wanted multiple of the patch; positions are interpolated."""
    encoder = make(folder, image_px=image_px)
    given = views(64)
    pixels = premultiplied(given, image_px)[0, :, :3]
    mean, std = (torch.tensor(values)[:, None, None] for values in (RGB_MEAN, RGB_STD))
    with torch.no_grad():
        tokens = public((pixels - mean) / std).last_hidden_state
        maps = encoder(given).maps
        wanted = encoder.from_patches(tokens[:, 1:])
    side = image_px // PATCH
    assert maps.shape == (1, 6, side, side, 8)
    assert_close(maps[0].reshape(6, side * side, 8), wanted, atol=1e-5, rtol=1e-4)


def test_the_paper_scale_encoder_is_dinov2_base(tmp_path):
    with torch.device("meta"):
        encoder = ViewEncoder(PAPER_OCCUPANCY.views)
    theirs = build_empty(Dinov2Model, {"image_size": 518, "patch_size": 14}, tmp_path)
    ours = {name: tensor.shape for name, tensor in encoder.patches.state_dict().items()}
    assert ours == {name: tensor.shape for name, tensor in theirs.state_dict().items()}
    assert len(ours) == len(dinov2())


def test_a_side_that_is_no_multiple_says_the_next_ones(folder):
    with pytest.raises(ConfigError, match="320 pixels are no multiple of 14; use 308 or 322"):
        dino_features(folder, BASE, image_px=320)


@pytest.mark.parametrize("is_frozen", [True, False])
def test_frozen_weights_stay_and_the_rest_learns(folder, is_frozen):
    unet = UNetShape(channels=(16, 16), blocks=(1, 1), condition=(8, 8), embedding=16)
    features = dino_features(folder, BASE, image_px=28)
    net = OccupancyNet(OccupancyConfig(views=features, unet=unet, resolution=8, lift=16))
    load_dino(net.encoder, folder, is_frozen=is_frozen)
    torch.nn.init.normal_(net.leave.weight)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)
    condition = net.condition(views(28), batched(STARTER_RIG.cameras()))
    net(torch.randn(1, 1, 8, 8, 8), torch.tensor([500]), condition).square().mean().backward()
    optimizer.step()
    moved = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}
    assert "encoder.from_patches.weight" in moved
    assert any(name.startswith("encoder.patches.") for name in moved) is not is_frozen


def test_trained_weights_carry_their_encoder(folder, tmp_path):
    """What is exported needs the public folder no more."""
    unet = UNetShape(channels=(16, 16), blocks=(1, 1), condition=(8, 8), embedding=16)
    features = dino_features(folder, BASE, image_px=28)
    net = OccupancyNet(OccupancyConfig(views=features, unet=unet, resolution=8, lift=16))
    load_dino(net.encoder, folder, is_frozen=True)
    save_weights(net, tmp_path / "out", "occupancy", config=net.config, quantized=False)
    again = load_network(OccupancyNet, OccupancyConfig, tmp_path / "out", "occupancy")
    assert again.config == net.config
    for name, tensor in net.encoder.patches.state_dict().items():
        assert_close(again.encoder.patches.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)


def test_the_training_commands_take_it(folder):
    parser = argparse.ArgumentParser()
    add_encoder_arguments(parser)
    args = parser.parse_args(["--dino", str(folder), "--freeze-dino", "--dino-px", "70"])
    features = features_from(args, BASE)
    assert (features.image_px, features.position_px, features.hidden, features.channels) == (70, 56, 16, 3)
    encoder = ViewEncoder(features)
    load_encoder(encoder, args)
    assert not any(parameter.requires_grad for parameter in encoder.patches.parameters())
    assert features_from(parser.parse_args([]), BASE) == BASE
    with pytest.raises(ConfigError, match="--dino"):
        features_from(parser.parse_args(["--freeze-dino"]), BASE)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_type": "vit"}, "those of a vit, needed is a dinov2"),
        ({"use_swiglu_ffn": True}, "use_swiglu_ffn True, needed is False; use the size small, base or large"),
        ({"hidden_size": "16"}, "hidden_size 16; download"),
        ({"num_hidden_layers": 3}, "lack the tensor encoder.layer.2"),
        ({"patch_size": 7}, "has shape"),
    ],
)
def test_other_weights_are_refused(folder, change, words):
    edit_json(folder / "config.json", **change)
    with pytest.raises(WeightsError, match=words):
        make(folder)
