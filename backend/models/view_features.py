"""Features of the six views and their way into a volume (One-2-3-45++, section 3.2).

Patch features of a DINOv2-class encoder and a shallow convolution's finer ones make one map a view. Every
point of the volume is projected into all views with the rig's cameras; what the views say there passes a
shared network and is pooled over the views, so their number and order do not matter.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from transformers import Dinov2Config, Dinov2Model

from backend.errors import ConfigError
from backend.models.lifting import GEOMETRY_CHANNELS, Projections, sample_maps

RGB_MEAN, RGB_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, which DINOv2 was trained with."""
MIN_SEEN_ALPHA = 0.05
"""A tile that is nowhere more opaque than this counts as missing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewFeaturesConfig:
    """Size of a `ViewEncoder`.

    Attributes:
        image_px: Side of the pictures that the encoder sees.
        patch_px: Side of a patch.
        channels: Input channels of the patch encoder: 4 with alpha, 3 as in DINOv2.
        hidden: Width of the patch encoder.
        stem: Width of the convolution beside it, whose map has half the pictures' side; 0 for none.
        map_channels: Width of the maps that are sampled.
        detail_channels: Width of the stem's light map for many points; 0 for none.
        pools_variance: Pool the variance over the views beside maximum and mean: views agree on a surface.
        position_px: Side of the pictures that the position embeddings were made for, which are interpolated
            for others; 0 for `image_px`.
    """

    image_px: int = 128
    patch_px: int = 8
    channels: int = 4
    hidden: int = 192
    layers: int = 6
    heads: int = 3
    mlp_ratio: int = 4
    stem: int = 48
    map_channels: int = 64
    detail_channels: int = 0
    pools_variance: bool = False
    position_px: int = 0

    def __post_init__(self) -> None:
        if self.image_px % self.patch_px or self.hidden % self.heads or self.channels not in (3, 4):
            raise ConfigError(f"need whole patches and heads, and 3 or 4 channels, got {self}")
        if self.detail_channels and not self.stem:
            raise ConfigError(f"a map of details comes from the stem, got {self}")

    def encoder(self) -> Dinov2Config:
        """Configuration of the patch encoder."""
        return Dinov2Config(
            image_size=self.position_px or self.image_px,
            patch_size=self.patch_px,
            num_channels=self.channels,
            hidden_size=self.hidden,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            mlp_ratio=self.mlp_ratio,
        )


DINOV2_BASE_FEATURES = ViewFeaturesConfig(
    image_px=518, patch_px=14, channels=3, hidden=768, layers=12, heads=12, stem=0, map_channels=128
)
"""The encoder of One-2-3-45++ (which DINOv2 it was is not published)."""


@dataclass(frozen=True, slots=True)
class EncodedViews:
    """What an encoder makes of a batch of views.

    Attributes:
        pixels: The pictures it saw: RGB premultiplied with alpha, and alpha.
        present: Which views show anything.
        maps: Feature maps.
        details: Light feature maps of finer detail; no channels where the encoder has none.
        summary: One vector for all views.
    """

    pixels: Float[Tensor, "b v 4 s s"]
    present: Bool[Tensor, "b v"]
    maps: Float[Tensor, "b v h w c"]
    details: Float[Tensor, "b v i j d"]
    summary: Float[Tensor, "b e"]


def premultiplied(views: Float[Tensor, "*b 4 h w"], size: int) -> Float[Tensor, "*b 4 s s"]:
    """Pictures at another size, RGB multiplied by alpha so that no hidden colour shows."""
    pictures = torch.cat([views[..., :3, :, :] * views[..., 3:, :, :], views[..., 3:, :, :]], dim=-3)
    if pictures.shape[-2:] == (size, size):
        return pictures
    flat = pictures.flatten(0, -4) if pictures.dim() > 4 else pictures
    small = F.interpolate(flat.float(), (size, size), mode="bilinear", antialias=True)
    return small.reshape(*pictures.shape[:-2], size, size)


class ViewEncoder(nn.Module):
    """A DINOv2-class patch encoder and a convolution, trained together."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: ViewFeaturesConfig) -> None:
        super().__init__()
        self.config = config
        self.patches = Dinov2Model(config.encoder())
        self.from_patches = nn.Linear(config.hidden, config.map_channels)
        self.register_buffer("mean", torch.tensor([*RGB_MEAN, 0.5])[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor([*RGB_STD, 0.5])[:, None, None], persistent=False)
        if config.stem:
            self.stem = nn.Sequential(
                nn.Conv2d(4, config.stem, 4, stride=2, padding=1),
                nn.SiLU(),
                nn.Conv2d(config.stem, config.map_channels + config.detail_channels, 3, padding=1),
            )
            self.merge = nn.Sequential(
                nn.GroupNorm(1, config.map_channels),
                nn.SiLU(),
                nn.Conv2d(config.map_channels, config.map_channels, 3, padding=1),
            )

    def forward(self, views: Float[Tensor, "b v 4 h w"]) -> EncodedViews:
        """Encode straight-alpha views of any size."""
        pixels = premultiplied(views, self.config.image_px)
        present = (views[:, :, 3] > MIN_SEEN_ALPHA).flatten(2).any(dim=2)
        normalised = ((pixels - self.mean) / self.std).flatten(0, 1)
        tokens = self.patches(normalised[:, : self.config.channels]).last_hidden_state
        side = self.config.image_px // self.config.patch_px
        maps = rearrange(self.from_patches(tokens[:, 1:]), "k (h w) c -> k c h w", h=side)
        details = maps[:, :0]
        if self.config.stem:
            fine, details = self.stem(normalised).split(
                [self.config.map_channels, self.config.detail_channels], dim=1
            )
            maps = fine + F.interpolate(maps, fine.shape[-2:], mode="bilinear", align_corners=False)
            maps = maps + self.merge(maps)
        count = views.shape[:2]
        return EncodedViews(
            pixels,
            present,
            rearrange(maps, "(b v) c h w -> b v h w c", b=count[0]),
            rearrange(details, "(b v) c h w -> b v h w c", b=count[0]),
            mean_over_views(tokens[:, 0].unflatten(0, count), present),
        )


def mean_over_views(values: Float[Tensor, "n v c"], present: Bool[Tensor, "n v"]) -> Float[Tensor, "n c"]:
    """Mean over the views that are present; zero where none is."""
    weight = present.to(values.dtype)[..., None]
    # Autocast would write the sum's wide copy of everything.
    with torch.autocast(values.device.type, enabled=False):
        return (values * weight).sum(dim=1) / weight.sum(dim=1).clamp_min(1)


class PointLifter(nn.Module):
    """The network that all views share, and the pooling over them; without maps, pixels only."""

    def __init__(
        self,
        map_channels: int,
        pixel_channels: int,
        width: int,
        out_channels: int,
        *,
        pools_variance: bool = False,
    ) -> None:
        super().__init__()
        self.pools_variance = pools_variance
        self.from_map = nn.Linear(map_channels, width) if map_channels else None
        self.from_geometry = nn.Linear(GEOMETRY_CHANNELS, width)
        self.from_pixels = nn.Linear(pixel_channels, width)
        self.hidden = nn.Linear(width, width)
        self.out = nn.Linear((3 if pools_variance else 2) * width, out_channels)

    def forward(
        self,
        maps: Float[Tensor, "b v h w c"],
        present: Bool[Tensor, "b v"],
        projections: Projections,
        pixels: Float[Tensor, "n v p"],
    ) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n v k"]]:
        """Pooled features of points, and what each view by itself contributed."""
        seen = self.from_geometry(projections.geometry) + self.from_pixels(pixels)
        if self.from_map is not None:
            # The linear map commutes with the sampling and is cheaper before it.
            seen = seen + sample_maps(self.from_map(maps), projections)
        seen = F.silu(self.hidden(F.silu(seen)))
        is_there = present[projections.sample]
        mean = mean_over_views(seen, is_there)
        # SiLU is bounded below, so a missing view never wins and no view at all gives a constant.
        most = seen.masked_fill(~is_there[..., None], -1.0).amax(dim=1)
        pooled = [most, mean]
        if self.pools_variance:
            pooled.append(mean_over_views((seen - mean[:, None].to(seen.dtype)).square(), is_there))
        return self.out(torch.cat(pooled, dim=1)), seen
