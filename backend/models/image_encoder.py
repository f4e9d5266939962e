"""What the six views know of the whole input picture: an embedding, and features of its places."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from backend.models.efficientnet import (
    AVERAGED_CHANNELS,
    MAP_CHANNELS,
    EfficientNetLite,
    averages,
    feature_map,
)

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_DEVIATION = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageEncoderConfig:
    """Size of an `ImageEncoder`; sides in pixels.

    Attributes:
        image_px: Side of the pictures that it takes.
        trunk_px: Side at which a frozen EfficientNet-Lite0 sees them; 0 for CLIP's image tower in its place.
        patch_px, width, hidden_width, layers, heads, activation: Of that tower; `hidden_width` also of
            the projection behind the trunk.
    """

    image_px: int = 128
    trunk_px: int = 0
    patch_px: int = 16
    width: int = 192
    hidden_width: int = 768
    layers: int = 4
    heads: int = 3
    embedding: int = 192
    activation: str = "gelu"

    @property
    def map_channels(self) -> int:
        """Channels of `PictureFeatures.map`."""
        return MAP_CHANNELS if self.trunk_px else 0


STARTER_IMAGE_ENCODER = ImageEncoderConfig(trunk_px=192, hidden_width=384)
"""A tower trained from nothing on our objects learns next to nothing (`backend/train/README.md`)."""

ZERO123PLUS_IMAGE_ENCODER = ImageEncoderConfig(
    image_px=224, patch_px=14, width=1280, hidden_width=5120, layers=32, heads=16, embedding=1024
)
"""ViT-H/14, as Zero123++ uses it."""


@dataclass(frozen=True, slots=True)
class PictureFeatures:
    """What an `ImageEncoder` says of pictures.

    Attributes:
        embedding: Of the whole picture (CLIP's in the paper).
        map: Of its places, on a grid over the picture; CLIP's tower gives none (no channels).
    """

    embedding: Float[Tensor, "b e"]
    map: Float[Tensor, "b f i j"]

    def kept(self, keep: Bool[Tensor, " b"]) -> "PictureFeatures":
        """The same where `keep` says so, elsewhere zeros."""
        return PictureFeatures(self.embedding * keep[:, None], self.map * keep[:, None, None, None])

    def after(self, first: "PictureFeatures") -> "PictureFeatures":
        """One batch: `first`, then this."""
        return PictureFeatures(torch.cat([first.embedding, self.embedding]), torch.cat([first.map, self.map]))


class ImageEncoder(nn.Module):
    """Sees pictures on mid grey, with `CLIPVisionModelWithProjection` or a frozen `EfficientNetLite`."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: ImageEncoderConfig) -> None:
        super().__init__()
        self.config = config
        if config.trunk_px:
            self.trunk = EfficientNetLite().requires_grad_(False)
            # The averages' means are several times their spreads; without a norm little would be learned.
            self.projection = nn.Sequential(
                nn.BatchNorm1d(AVERAGED_CHANNELS, affine=False),
                nn.Linear(AVERAGED_CHANNELS, config.hidden_width),
                nn.SiLU(),
                nn.Linear(config.hidden_width, config.embedding),
            )
        else:
            self.trunk = None
            self.clip = CLIPVisionModelWithProjection(_clip_config(config))
        self.register_buffer("mean", torch.tensor(CLIP_MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(CLIP_DEVIATION)[:, None, None], persistent=False)

    def forward(self, pictures: Float[Tensor, "b 4 h w"]) -> PictureFeatures:
        """Features of straight-alpha pictures in [0, 1], already at the encoder's size."""
        rgb, alpha = pictures[:, :3], pictures[:, 3:]
        on_grey = rgb * alpha + 0.5 * (1 - alpha)
        if self.trunk is None:
            embedding = self.clip(pixel_values=(on_grey - self.mean) / self.deviation).image_embeds
            return PictureFeatures(embedding, embedding.new_zeros(len(embedding), 0, 1, 1))
        size = (self.config.trunk_px, self.config.trunk_px)
        with torch.no_grad():
            maps = self.trunk(F.interpolate(on_grey, size, mode="bilinear", align_corners=False))
        return PictureFeatures(self.projection(averages(maps)), feature_map(maps))


def _clip_config(config: ImageEncoderConfig) -> CLIPVisionConfig:
    return CLIPVisionConfig(
        image_size=config.image_px,
        patch_size=config.patch_px,
        hidden_size=config.width,
        intermediate_size=config.hidden_width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        projection_dim=config.embedding,
        hidden_act=config.activation,
    )
