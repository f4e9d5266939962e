"""What the networks that draw views share: their UNet, the rules of its sizes, and the rays they see."""

from typing import Protocol, runtime_checkable

import torch
from diffusers import UNet2DConditionModel
from jaxtyping import Float
from torch import Tensor

from backend.errors import ConfigError
from backend.geometry.cameras import UNIT_RADIUS, Cameras

RAY_CHANNELS = 6


@runtime_checkable
class UNetSizes(Protocol):
    """Side of a view's latents; widths, residual blocks, attention and heads of the levels, finest first."""

    @property
    def latent_px(self) -> int: ...
    @property
    def latent_channels(self) -> int: ...
    @property
    def channels(self) -> tuple[int, ...]: ...
    @property
    def layers(self) -> tuple[int, ...]: ...
    @property
    def attention(self) -> tuple[bool, ...]: ...
    @property
    def heads(self) -> tuple[int, ...]: ...
    @property
    def norm_groups(self) -> int: ...


def check_levels(sizes: UNetSizes) -> None:
    """Raises ConfigError when the levels do not fit each other or the latents."""
    levels = {len(sizes.channels), len(sizes.layers), len(sizes.attention), len(sizes.heads)}
    if len(levels) != 1:
        raise ConfigError(f"channels, layers, attention and heads need one entry a level, got {sizes}")
    if sizes.latent_px % 2 ** (len(sizes.channels) - 1):
        raise ConfigError(f"tiles of {sizes.latent_px} latents cannot be halved for every level")


def build_unet(
    sizes: UNetSizes,
    *,
    sample_size: int | tuple[int, int],
    in_channels: int,
    token_channels: int,
    is_projected_linearly: bool = True,
) -> UNet2DConditionModel:
    """A new UNet.

    Args:
        sample_size: Side, or rows and columns, of what it draws.
        token_channels: Width of the tokens of its cross-attention.
        is_projected_linearly: How attention's input is projected; Stable Diffusion 1 has convolutions.
    """
    kinds = ["CrossAttn" if attends else "" for attends in sizes.attention]
    return UNet2DConditionModel(
        sample_size=sample_size,
        in_channels=in_channels,
        out_channels=sizes.latent_channels,
        down_block_types=tuple(f"{kind}DownBlock2D" for kind in kinds),
        up_block_types=tuple(f"{kind}UpBlock2D" for kind in reversed(kinds)),
        block_out_channels=sizes.channels,
        # diffusers annotates rows of any length as rows of one.
        layers_per_block=sizes.layers,  # pyright: ignore[reportArgumentType]
        norm_num_groups=sizes.norm_groups,
        cross_attention_dim=token_channels,
        # The number of heads, in spite of its name (diffusers issue 2011).
        attention_head_dim=sizes.heads,  # pyright: ignore[reportArgumentType]
        use_linear_projection=is_projected_linearly,
    )


def camera_rays(cameras: Cameras, size: int) -> Float[Tensor, "*b 6 h w"]:
    """Direction and moment about the origin (Plücker coordinates) of the ray through each latent's centre."""
    origins, directions = cameras.rays(size)
    # A ray meets the object's sphere where its moment is at most one.
    moments = torch.linalg.cross(origins, directions) / UNIT_RADIUS
    return torch.cat([directions, moments], dim=-1).movedim(-1, -3)
