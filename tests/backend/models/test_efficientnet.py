"""The frozen trunk computes what the published network does."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from backend.errors import WeightsError
from backend.models.efficientnet import (
    AVERAGED_CHANNELS,
    LEVELS,
    MAP_CHANNELS,
    EfficientNetLite,
    SameConv,
    averages,
    feature_map,
)
from backend.models.image_encoder import ImageEncoder, ImageEncoderConfig
from backend.train.imagenet import load_trunk


def published(seed: int) -> dict[str, Tensor]:
    """Random weights with the published file's names, shapes and batch norms."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}

    def layer(name: str, norm: str, shape: tuple[int, ...]) -> None:
        size = shape[1] * shape[2] * shape[3]
        tensors[f"{name}.weight"] = torch.randn(shape, generator=generator) / size**0.5
        tensors[f"{norm}.weight"] = 0.5 + torch.rand(shape[0], generator=generator)
        tensors[f"{norm}.bias"] = torch.randn(shape[0], generator=generator)
        tensors[f"{norm}.running_mean"] = torch.randn(shape[0], generator=generator)
        tensors[f"{norm}.running_var"] = 0.5 + torch.rand(shape[0], generator=generator)

    layer("_conv_stem", "_bn0", (32, 3, 3, 3))
    inner, index = 32, 0
    for level in LEVELS:
        for _ in range(level.blocks):
            prefix, wide = f"_blocks.{index}.", inner * level.expansion
            if level.expansion > 1:
                layer(f"{prefix}_expand_conv", f"{prefix}_bn0", (wide, inner, 1, 1))
            layer(f"{prefix}_depthwise_conv", f"{prefix}_bn1", (wide, 1, level.kernel, level.kernel))
            layer(f"{prefix}_project_conv", f"{prefix}_bn2", (level.channels, wide, 1, 1))
            inner, index = level.channels, index + 1
    return tensors


def _normed(x: Tensor, tensors: dict[str, Tensor], norm: str) -> Tensor:
    mean, variance, weight, bias = (
        tensors[f"{norm}.{key}"] for key in ("running_mean", "running_var", "weight", "bias")
    )
    return F.batch_norm(x, mean, variance, weight, bias, eps=1e-3)


def test_folded_weights_give_what_batch_norms_would(tmp_path: Path):
    """Stem and first block by hand, against the trunk, on a picture of even size."""
    tensors = published(0)
    torch.save(tensors, tmp_path / "lite0.pth")
    encoder = _encoder()
    load_trunk(encoder, tmp_path / "lite0.pth")
    trunk = encoder.trunk
    assert trunk is not None
    rgb = torch.rand(2, 3, 16, 16)
    # TensorFlow pads an even picture on the right and below only.
    x = F.pad((rgb * 255 - 127) / 128, (0, 1, 0, 1))
    x = F.relu6(_normed(F.conv2d(x, tensors["_conv_stem.weight"], stride=2), tensors, "_bn0"))
    x = F.conv2d(x, tensors["_blocks.0._depthwise_conv.weight"], padding=1, groups=32)
    x = F.relu6(_normed(x, tensors, "_blocks.0._bn1"))
    x = _normed(F.conv2d(x, tensors["_blocks.0._project_conv.weight"]), tensors, "_blocks.0._bn2")
    ours = trunk.levels[0](F.relu6(trunk.stem((rgb - 127 / 255) * 255 / 128)))
    assert_close(ours, x, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("size", "kernel", "stride"), [(7, 3, 2), (8, 5, 2), (9, 5, 1), (6, 3, 1)])
def test_padding_keeps_the_grid(size: int, kernel: int, stride: int):
    conv = SameConv(2, 3, kernel, stride=stride)
    assert conv(torch.rand(1, 2, size, size)).shape == (1, 3, -(-size // stride), -(-size // stride))


def test_maps_lie_at_their_strides():
    maps = EfficientNetLite()(torch.rand(1, 3, 96, 64))
    assert [tuple(each.shape[1:]) for each in maps] == [(40, 12, 8), (112, 6, 4), (192, 3, 2), (320, 3, 2)]
    assert feature_map(maps).shape == (1, MAP_CHANNELS, 12, 8)
    assert averages(maps).shape == (1, AVERAGED_CHANNELS)


def test_other_files_are_refused_in_a_sentence(tmp_path: Path):
    file = tmp_path / "other.pth"
    torch.save({"weight": torch.zeros(3)}, file)
    with pytest.raises(WeightsError, match="does not hold the weights of EfficientNet-Lite0"):
        load_trunk(_encoder(), file)
    file.write_bytes(b"not a file of tensors")
    with pytest.raises(WeightsError, match=r"take the \.pth file"):
        load_trunk(_encoder(), file)


def _encoder() -> ImageEncoder:
    torch.manual_seed(0)
    return ImageEncoder(ImageEncoderConfig(image_px=16, trunk_px=64, hidden_width=16, embedding=8))


def test_trunk_sees_no_hidden_colour():
    encoder = _encoder().eval()
    picture = torch.rand(2, 4, 16, 16)
    picture[:, 3, :8] = 0
    other = picture.clone()
    other[:, :3, :8] = 0
    ours, same = encoder(picture), encoder(other)
    assert torch.equal(ours.embedding, same.embedding)
    assert torch.equal(ours.map, same.map)
    assert ours.map.shape == (2, encoder.config.map_channels, 8, 8)


def test_only_the_projection_learns():
    encoder = _encoder()
    features = encoder(torch.rand(4, 4, 16, 16))
    features.embedding.square().sum().backward()
    learned = {name.split(".")[0] for name, p in encoder.named_parameters() if p.grad is not None}
    assert learned == {"projection"}
    assert not features.map.requires_grad
