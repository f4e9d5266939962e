"""EfficientNet-Lite0 as a source of picture features: its blocks, without the classifier.

EfficientNet (Tan and Le, arXiv 1905.11946) without squeeze-and-excitation and with ReLU6, as TensorFlow's
models for small devices are. Batch norms are folded into the convolutions before them, since nothing here is
trained. Legend: `f` channels of a map, `p` channels of the averages.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

MEAN, SPREAD = 127 / 255, 128 / 255
"""Of the pictures that it was trained on."""


@dataclass(frozen=True, slots=True)
class _Level:
    """Blocks of one width; `spread` is that of the map after the last (0: not a map), over our pictures."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int
    spread: float


STEM_CHANNELS = 32
LEVELS = (
    _Level(1, 3, 1, 1, 16, 0.0),
    _Level(2, 3, 2, 6, 24, 0.0),
    _Level(2, 5, 2, 6, 40, 7.4),
    _Level(3, 3, 2, 6, 80, 0.0),
    _Level(3, 5, 1, 6, 112, 6.2),
    _Level(4, 5, 2, 6, 192, 4.6),
    _Level(1, 3, 1, 6, 320, 2.4),
)
AVERAGED_CHANNELS = sum(level.channels for level in LEVELS if level.spread)
MAP_CHANNELS = AVERAGED_CHANNELS - LEVELS[-1].channels
"""The last map lies on the same grid as the one before and is only averaged."""


class EfficientNetLite(nn.Module):
    """Maps of pictures at strides 8, 16, 32 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, STEM_CHANNELS, 3, stride=2)
        self.levels = nn.ModuleList()
        inner = STEM_CHANNELS
        for level in LEVELS:
            blocks = [
                InvertedResidual(
                    inner if first else level.channels, level, stride=level.stride if first else 1
                )
                for first in (True, *[False] * (level.blocks - 1))
            ]
            self.levels.append(nn.Sequential(*blocks))
            inner = level.channels

    def forward(self, rgb: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b _ _ _"]]:
        """Maps of about unit spread, finest first, of opaque sRGB pictures in [0, 1]."""
        x = F.relu6(self.stem((rgb - MEAN) / SPREAD))
        maps = []
        for blocks, level in zip(self.levels, LEVELS, strict=True):
            x = blocks(x)
            if level.spread:
                maps.append(x / level.spread)
        return maps


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow does: with a stride the odd pixel goes to the right and below."""

    def __init__(self, inner: int, outer: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inner, outer, kernel, stride=stride, groups=groups)

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k hh ww"]:
        """The same number of pixels, divided by the stride and rounded up."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        padding: list[int] = []
        for size in reversed(input.shape[2:]):
            missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            padding += [missing // 2, missing - missing // 2]
        return super().forward(F.pad(input, padding))


class InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow again (MobileNetV2)."""

    def __init__(self, inner: int, level: _Level, *, stride: int) -> None:
        super().__init__()
        wide = inner * level.expansion
        self.expand = SameConv(inner, wide, 1) if level.expansion > 1 else None
        self.depthwise = SameConv(wide, wide, level.kernel, stride=stride, groups=wide)
        self.project = SameConv(wide, level.channels, 1)
        self.is_residual = stride == 1 and inner == level.channels

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k hh ww"]:
        """What the block makes of a map."""
        wide = x if self.expand is None else F.relu6(self.expand(x))
        narrow = self.project(F.relu6(self.depthwise(wide)))
        return x + narrow if self.is_residual else narrow


def feature_map(maps: list[Float[Tensor, "b _ _ _"]]) -> Float[Tensor, "b f h w"]:
    """The maps on the grid of the finest, without the last."""
    size = maps[0].shape[-2:]
    coarse = [F.interpolate(each, size, mode="bilinear", align_corners=False) for each in maps[1:-1]]
    return torch.cat([maps[0], *coarse], dim=1)


def averages(maps: list[Float[Tensor, "b _ _ _"]]) -> Float[Tensor, "b p"]:
    """The mean of each channel of all maps."""
    return torch.cat([each.float().mean(dim=(2, 3)) for each in maps], dim=1)
