"""A UNet for volumes, dense or sparse: the same blocks and the same condition on two kinds of layers.

Every layer is called with what tells it about the grid: the level it works on, or the step between two
levels. Dense layers need neither; they know their grid from the tensor's shape.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, TypeVar, runtime_checkable

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from backend.models.sparse import DownConv, SubmanifoldConv, UpConv

NORM_GROUPS = 32


@runtime_checkable
class Level(Protocol):
    """One resolution of a volume."""

    def per_sample(self, values: Float[Tensor, "b c"]) -> Tensor:
        """`values` shaped to combine with features of this level."""
        ...


@dataclass(frozen=True, slots=True)
class DenseLevel:
    """A whole grid; its features are "b c x y z"."""

    def per_sample(self, values: Float[Tensor, "b c"]) -> Float[Tensor, "b c 1 1 1"]:
        """Each sample's values, for all its cells."""
        return values[:, :, None, None, None]


class DenseLayer(nn.Module):
    """A layer of torch that is told about the grid and ignores it."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, feats: Float[Tensor, "b c x y z"], grid: object) -> Float[Tensor, "b d i j k"]:
        """Apply the layer."""
        return self.layer(feats)


class GroupNorm(nn.GroupNorm):
    """Group normalisation in the precision of its input; autocast would widen the whole volume."""

    def forward(self, input: Float[Tensor, "b c *s"]) -> Float[Tensor, "b c *s"]:
        """Normalise; sums are kept in float32."""
        with torch.autocast(input.device.type, enabled=False):
            weight, bias = self.weight.to(input.dtype), self.bias.to(input.dtype)
            return F.group_norm(input, self.num_groups, weight, bias, self.eps)


def narrow_norms(net: nn.Module) -> None:
    """Let every group normalisation inside `net` keep the precision of its input (see `GroupNorm`)."""
    for parent in list(net.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.GroupNorm:
                setattr(parent, name, GroupNorm(child.num_groups, child.num_channels, child.eps))


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation of each voxel, in the precision of its input."""

    def forward(self, input: Float[Tensor, "n c"]) -> Float[Tensor, "n c"]:
        """Normalise; sums are kept in float32."""
        with torch.autocast(input.device.type, enabled=False):
            weight, bias = self.weight.to(input.dtype), self.bias.to(input.dtype)
            return F.layer_norm(input, self.normalized_shape, weight, bias, self.eps)


@runtime_checkable
class Layers(Protocol):
    """Makes the layers of one kind of grid."""

    def conv(self, in_channels: int, out_channels: int) -> nn.Module:
        """3^3 convolution; called with features and level."""
        ...

    def pointwise(self, in_channels: int, out_channels: int) -> nn.Module:
        """Linear map of every cell; called with features."""
        ...

    def down(self, in_channels: int, out_channels: int) -> nn.Module:
        """To half the resolution; called with features and step."""
        ...

    def up(self, in_channels: int, out_channels: int) -> nn.Module:
        """To twice the resolution; called with features and step."""
        ...

    def norm(self, channels: int) -> nn.Module:
        """Normalisation; called with features."""
        ...


class DenseLayers:
    """Layers on "b c x y z"."""

    def conv(self, in_channels: int, out_channels: int) -> nn.Module:
        """3^3 convolution."""
        return DenseLayer(nn.Conv3d(in_channels, out_channels, 3, padding=1))

    def pointwise(self, in_channels: int, out_channels: int) -> nn.Module:
        """1^3 convolution."""
        return nn.Conv3d(in_channels, out_channels, 1)

    def down(self, in_channels: int, out_channels: int) -> nn.Module:
        """2^3 convolution with stride 2."""
        return DenseLayer(nn.Conv3d(in_channels, out_channels, 2, stride=2))

    def up(self, in_channels: int, out_channels: int) -> nn.Module:
        """Transposed 2^3 convolution with stride 2."""
        return DenseLayer(nn.ConvTranspose3d(in_channels, out_channels, 2, stride=2))

    def norm(self, channels: int) -> nn.Module:
        """Group normalisation over a sample's whole grid."""
        return GroupNorm(math.gcd(channels, NORM_GROUPS), channels)


class SparseLayers:
    """Layers on "n c"."""

    def conv(self, in_channels: int, out_channels: int) -> nn.Module:
        """Submanifold convolution."""
        return SubmanifoldConv(in_channels, out_channels)

    def pointwise(self, in_channels: int, out_channels: int) -> nn.Module:
        """Linear map of every voxel."""
        return nn.Linear(in_channels, out_channels)

    def down(self, in_channels: int, out_channels: int) -> nn.Module:
        """Strided convolution to the parents."""
        return DownConv(in_channels, out_channels)

    def up(self, in_channels: int, out_channels: int) -> nn.Module:
        """Inverse convolution to the children."""
        return UpConv(in_channels, out_channels)

    def norm(self, channels: int) -> nn.Module:
        """Normalisation of each voxel by itself, so that no sample depends on its batch."""
        return ChannelNorm(channels)


ModuleT = TypeVar("ModuleT", bound=nn.Module)


def zero_init(module: ModuleT) -> ModuleT:
    """With all parameters zero, so that a residual branch starts as nothing."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


class ResBlock(nn.Module):
    """Two convolutions beside a shortcut; the embedding scales and shifts between them.

    What was concatenated is mixed by a linear map first: convolutions of the wide input would cost as much
    as all others of the level together.
    """

    def __init__(self, in_channels: int, out_channels: int, embedding: int, layers: Layers) -> None:
        super().__init__()
        is_same = in_channels == out_channels
        self.enter = nn.Identity() if is_same else layers.pointwise(in_channels, out_channels)
        self.norm1 = layers.norm(out_channels)
        self.conv1 = layers.conv(out_channels, out_channels)
        self.film = nn.Linear(embedding, 2 * out_channels)
        self.norm2 = layers.norm(out_channels)
        self.conv2 = zero_init(layers.conv(out_channels, out_channels))

    def forward(self, feats: Tensor, embedding: Float[Tensor, "b e"], level: Level) -> Tensor:
        """Features of the same level."""
        feats = self.enter(feats)
        hidden = self.conv1(F.silu(self.norm1(feats)), level)
        scale, shift = self.film(F.silu(embedding)).chunk(2, dim=1)
        hidden = self.norm2(hidden) * (1 + level.per_sample(scale)) + level.per_sample(shift)
        return feats + self.conv2(F.silu(hidden), level)


class DenseAttention(nn.Module):
    """Self-attention over all cells of a grid."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = GroupNorm(math.gcd(channels, NORM_GROUPS), channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = zero_init(nn.Linear(channels, channels))

    def forward(self, feats: Float[Tensor, "b c x y z"]) -> Float[Tensor, "b c x y z"]:
        """Features of the same grid."""
        tokens = rearrange(self.norm(feats), "b c x y z -> b (x y z) c")
        parts = rearrange(self.qkv(tokens), "b t (k h d) -> k b h t d", k=3, h=self.heads)
        mixed = F.scaled_dot_product_attention(*parts.unbind(0))
        mixed = self.out(rearrange(mixed, "b h t d -> b t (h d)"))
        return feats + mixed.transpose(1, 2).reshape(feats.shape)


@dataclass(frozen=True, slots=True)
class Grid:
    """The levels of a volume from fine to coarse, and what stands between them."""

    levels: tuple[Level, ...]
    steps: tuple[object, ...]


def dense_grid(num_levels: int) -> Grid:
    """The grid of dense layers, which need to know nothing."""
    return Grid((DenseLevel(),) * num_levels, (None,) * (num_levels - 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class UNetShape:
    """Size of a `VolumeUNet`, finest level first.

    Attributes:
        channels: Widths of the levels.
        blocks: Residual blocks of each level, on the way down and again on the way up.
        condition: Widths of the condition at each level.
        embedding: Width of the embedding of time and global condition.
        heads: Heads of the attention at the coarsest level; 0 for none.
    """

    channels: tuple[int, ...]
    blocks: tuple[int, ...]
    condition: tuple[int, ...]
    embedding: int
    heads: int = 0


class VolumeUNet(nn.Module):
    """Down, through and up again; the condition joins at every level (One-2-3-45++, section 3.2)."""

    def __init__(self, shape: UNetShape, layers: Layers) -> None:
        super().__init__()
        widths, emb = shape.channels, shape.embedding
        self.shrink = nn.ModuleList(layers.down(a, b) for a, b in pairwise(widths))
        self.grow = nn.ModuleList(layers.up(b, a) for a, b in pairwise(widths))
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        for width, count, condition in zip(widths, shape.blocks, shape.condition, strict=True):
            first_down = ResBlock(width + condition, width, emb, layers)
            self.down.append(_row(first_down, width, count, emb, layers))
            if len(self.up) < len(widths) - 1:
                first_up = ResBlock(2 * width, width, emb, layers)
                self.up.append(_row(first_up, width, count, emb, layers))
        self.attention = DenseAttention(widths[-1], shape.heads) if shape.heads else nn.Identity()
        self.middle = ResBlock(widths[-1], widths[-1], emb, layers)

    def forward(
        self, feats: Tensor, embedding: Float[Tensor, "b e"], grid: Grid, condition: tuple[Tensor, ...]
    ) -> Tensor:
        """Features of the finest level."""
        skips = []
        for index, blocks in enumerate(self.down):
            if index:
                feats = self.shrink[index - 1](feats, grid.steps[index - 1])
            feats = torch.cat([feats, condition[index].to(feats.dtype)], dim=1)
            feats = _run(blocks, feats, embedding, grid.levels[index])
            skips.append(feats)
        feats = self.middle(self.attention(feats), embedding, grid.levels[-1])
        for index in reversed(range(len(self.up))):
            feats = self.grow[index](feats, grid.steps[index])
            feats = torch.cat([feats, skips[index]], dim=1)
            feats = _run(self.up[index], feats, embedding, grid.levels[index])
        return feats


def _row(first: ResBlock, width: int, count: int, embedding: int, layers: Layers) -> nn.ModuleList:
    return nn.ModuleList([first, *(ResBlock(width, width, embedding, layers) for _ in range(count - 1))])


def _run(blocks: nn.Module, feats: Tensor, embedding: Tensor, level: Level) -> Tensor:
    for block in blocks.children():
        feats = block(feats, embedding, level)
    return feats


class ConditionPyramid(nn.Module):
    """Smaller versions of a condition volume by strided convolutions."""

    def __init__(self, in_channels: int, channels: tuple[int, ...], layers: Layers) -> None:
        super().__init__()
        self.shrink = nn.ModuleList(layers.down(a, b) for a, b in pairwise(channels))
        self.enter = layers.pointwise(in_channels, channels[0])
        self.mix = nn.ModuleList(layers.conv(width, width) for width in channels)
        self.norms = nn.ModuleList(layers.norm(width) for width in channels)

    def forward(self, feats: Tensor, grid: Grid) -> tuple[Tensor, ...]:
        """The condition of every level."""
        feats = self.enter(feats)
        volumes = []
        for index, (norm, mix) in enumerate(zip(self.norms, self.mix, strict=True)):
            if index:
                feats = self.shrink[index - 1](feats, grid.steps[index - 1])
            feats = feats + mix(F.silu(norm(feats)), grid.levels[index])
            volumes.append(feats)
        return tuple(volumes)


class TimeEmbedding(nn.Module):
    """Time and the global condition as one vector."""

    def __init__(self, embedding: int, condition: int) -> None:
        super().__init__()
        self.waves = embedding
        self.time = nn.Sequential(nn.Linear(embedding, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.condition = nn.Linear(condition, embedding)

    def forward(self, timesteps: Int[Tensor, " b"], condition: Float[Tensor, "b d"]) -> Float[Tensor, "b e"]:
        """Embedding of each sample."""
        return self.time(timestep_waves(timesteps, self.waves)) + self.condition(condition)


def timestep_waves(
    timesteps: Int[Tensor, " b"], channels: int, *, period: float = 1e4
) -> Float[Tensor, "b c"]:
    """Sines and cosines of the timesteps at falling frequencies (Vaswani et al. 2017, section 3.5)."""
    half = channels // 2
    rates = torch.exp(-math.log(period) / half * torch.arange(half, device=timesteps.device))
    angles = timesteps[:, None].float() * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)
