"""The autoencoder between view tiles and the latents that are diffused."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from diffusers.models.autoencoders.vae import Encoder
from jaxtyping import Float
from torch import Tensor, nn

from backend.diffusion.latents import ZERO123PLUS_SCALING, LatentScaling
from backend.errors import ConfigError
from backend.models.blocks3d import narrow_norms

MIN_ALPHA = 1 / 255
"""Below this a pixel has no colour of its own."""

QUIET_LOG_VARIANCE = -5.0
"""Log-variance of the code's noise before training."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AutoencoderConfig:
    """Size of a `ViewAutoencoder`.

    Attributes:
        channels: 4 for RGBA tiles, 3 for colours painted on mid grey.
        fold: Pixels along a side that are folded into channels before the first convolution, which
            halves or quarters the work at full resolution.
        encoder_channels: Widths of the encoder's levels, finest first. A thin encoder loses little,
            since the decoder decides how sharp a tile can be.
        decoder_channels: Widths of the decoder's levels, finest first.
        layers: Residual blocks a level (the decoder has one more).
        middle_attention: Self-attention at the lowest resolution.
    """

    channels: int = 4
    fold: int = 2
    latent_channels: int = 4
    encoder_channels: tuple[int, ...] = (48, 96, 112)
    decoder_channels: tuple[int, ...] = (64, 112, 160)
    layers: int = 1
    norm_groups: int = 16
    middle_attention: bool = False
    scaling: LatentScaling = field(default_factory=LatentScaling)

    def __post_init__(self) -> None:
        if self.channels not in (3, 4):
            raise ConfigError(f"an autoencoder of views has 3 or 4 channels, got {self}")
        if len(self.encoder_channels) != len(self.decoder_channels):
            raise ConfigError(f"encoder and decoder need as many levels, got {self}")

    @property
    def downscale(self) -> int:
        """Pixels along a side that one latent stands for."""
        return self.fold * 2 ** (len(self.decoder_channels) - 1)


ZERO123PLUS_AUTOENCODER = AutoencoderConfig(
    channels=3,
    fold=1,
    encoder_channels=(128, 256, 512, 512),
    decoder_channels=(128, 256, 512, 512),
    layers=2,
    norm_groups=32,
    middle_attention=True,
    scaling=ZERO123PLUS_SCALING,
)
"""Stable Diffusion's autoencoder, as Zero123++ uses it."""


class ViewAutoencoder(nn.Module):
    """An `AutoencoderKL` of straight-alpha sRGB tiles with latents of zero mean and unit variance.

    Inside, colours stand on mid grey by their alpha: what lies behind a transparent pixel cannot matter,
    and an empty tile is the image of zeros, as in Zero123++.
    """

    raw_mean: Tensor
    raw_scale: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        folded = config.channels * config.fold**2
        levels = len(config.decoder_channels)
        down, up = ("DownEncoderBlock2D",) * levels, ("UpDecoderBlock2D",) * levels
        self.kl = AutoencoderKL(
            in_channels=folded,
            out_channels=folded,
            # diffusers annotates rows of any length as rows of one.
            down_block_types=down,  # pyright: ignore[reportArgumentType]
            up_block_types=up,  # pyright: ignore[reportArgumentType]
            block_out_channels=config.decoder_channels,  # pyright: ignore[reportArgumentType]
            layers_per_block=config.layers,
            latent_channels=config.latent_channels,
            norm_num_groups=config.norm_groups,
            mid_block_add_attention=config.middle_attention,
            scaling_factor=config.scaling.code_factor,
        )
        if config.encoder_channels != config.decoder_channels:
            self.kl.encoder = Encoder(
                in_channels=folded,
                out_channels=config.latent_channels,
                down_block_types=down,
                block_out_channels=config.encoder_channels,
                layers_per_block=config.layers,
                norm_num_groups=config.norm_groups,
                double_z=True,
                mid_block_add_attention=config.middle_attention,
            )
        # A code that starts as noisy as it is large says nothing for hundreds of steps.
        nn.init.constant_(
            self.kl.get_parameter("quant_conv.bias")[config.latent_channels :], QUIET_LOG_VARIANCE
        )
        narrow_norms(self.kl)
        self.register_buffer("raw_mean", torch.zeros(config.latent_channels))
        self.register_buffer("raw_scale", torch.ones(config.latent_channels))

    def painted(self, images: Float[Tensor, "b 4 h w"]) -> Float[Tensor, "b c h w"]:
        """Images as the autoencoder sees them: colours on mid grey, then alpha, all in [-1, 1]."""
        rgb, alpha = images[:, :3], images[:, 3:]
        on_grey = (rgb * 2 - 1) * alpha
        return on_grey if self.config.channels == 3 else torch.cat([on_grey, alpha * 2 - 1], dim=1)

    def unpainted(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 4 h w"]:
        """The inverse of `painted`; three channels hold no alpha, so their pictures come back opaque."""
        if self.config.channels == 3:
            rgb = ((images + 1) / 2).clamp(0, 1)
            return torch.cat([rgb, torch.ones_like(rgb[:, :1])], dim=1)
        alpha = ((images[:, 3:] + 1) / 2).clamp(0, 1)
        rgb = ((images[:, :3] / alpha.clamp_min(MIN_ALPHA) + 1) / 2).clamp(0, 1)
        return torch.cat([rgb * (alpha >= MIN_ALPHA), alpha], dim=1)

    def posterior(
        self, painted: Float[Tensor, "b c h w"]
    ) -> tuple[Float[Tensor, "b k i j"], Float[Tensor, "b k i j"]]:
        """Mean and log-variance of the raw code."""
        scaled = self.config.scaling.scale_image(painted)
        (found,) = self.kl.encode(F.pixel_unshuffle(scaled, self.config.fold), return_dict=False)
        return found.mean, found.logvar

    def paint(self, raw: Float[Tensor, "b k i j"]) -> Float[Tensor, "b c h w"]:
        """Decode a raw code to an image as in `painted`."""
        # diffusers means a tensor of floating-point numbers by its annotation.
        (folded,) = self.kl.decode(raw, return_dict=False)  # pyright: ignore[reportArgumentType]
        return self.config.scaling.unscale_image(F.pixel_shuffle(folded, self.config.fold))

    def encode(self, images: Float[Tensor, "b 4 h w"]) -> Float[Tensor, "b k i j"]:
        """Latents (the posterior's mean) of images in [0, 1], as diffusion works on them."""
        raw, _ = self.posterior(self.painted(images))
        code = (raw.float() - self.raw_mean[:, None, None]) / self.raw_scale[:, None, None]
        return self.config.scaling.latents(code)

    def decode(self, latents: Float[Tensor, "b k i j"]) -> Float[Tensor, "b 4 h w"]:
        """Images in [0, 1] of latents."""
        code = self.config.scaling.code(latents)
        raw = code * self.raw_scale[:, None, None] + self.raw_mean[:, None, None]
        return self.unpainted(self.paint(raw).float())

    @torch.no_grad()
    def measure(self, raw: Float[Tensor, "b k i j"], *, momentum: float) -> None:
        """Move the stored constants towards those that give a batch's latents zero mean and unit variance."""
        deviation, mean = torch.std_mean(raw.detach().float(), dim=(0, 2, 3))
        self.raw_mean.lerp_(mean, momentum)
        self.raw_scale.lerp_(deviation.clamp_min(1e-4) * self.config.scaling.code_factor, momentum)

    def empty(self, size: int) -> Float[Tensor, "1 k i j"]:
        """Latents of a picture without an object: the condition that stands for no condition."""
        return self.encode(torch.zeros(1, 4, size, size, device=self.raw_mean.device))
