"""The global condition of the six views: one embedding of the whole input picture (CLIP's image tower)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_DEVIATION = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageEncoderConfig:
    """Size of an `ImageEncoder`; sides in pixels."""

    image_px: int = 128
    patch_px: int = 16
    width: int = 192
    hidden_width: int = 768
    layers: int = 4
    heads: int = 3
    embedding: int = 192
    activation: str = "gelu"


ZERO123PLUS_IMAGE_ENCODER = ImageEncoderConfig(
    image_px=224, patch_px=14, width=1280, hidden_width=5120, layers=32, heads=16, embedding=1024
)
"""ViT-H/14, as Zero123++ uses it."""


class ImageEncoder(nn.Module):
    """`CLIPVisionModelWithProjection` of pictures on mid grey."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: ImageEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.clip = CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                image_size=config.image_px,
                patch_size=config.patch_px,
                hidden_size=config.width,
                intermediate_size=config.hidden_width,
                num_hidden_layers=config.layers,
                num_attention_heads=config.heads,
                projection_dim=config.embedding,
                hidden_act=config.activation,
            )
        )
        self.register_buffer("mean", torch.tensor(CLIP_MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(CLIP_DEVIATION)[:, None, None], persistent=False)

    def forward(self, pictures: Float[Tensor, "b 4 h w"]) -> Float[Tensor, "b e"]:
        """Embeddings of straight-alpha pictures in [0, 1], already at the encoder's size."""
        rgb, alpha = pictures[:, :3], pictures[:, 3:]
        on_grey = rgb * alpha + 0.5 * (1 - alpha)
        return self.clip(pixel_values=(on_grey - self.mean) / self.deviation).image_embeds
