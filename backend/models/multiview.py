"""The network that draws six views of an object at once, as one canvas of 3 x 2 tiles (Zero123++)."""

from dataclasses import dataclass, field

import torch
from einops import repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from backend.diffusion.views import ViewSchedule
from backend.geometry.cameras import (
    SHEET_COLUMNS,
    SHEET_ROWS,
    STARTER_RIG,
    ZERO123PLUS_V12_RIG,
    ViewRig,
    sheet_from_views,
)
from backend.models.blocks3d import narrow_norms
from backend.models.image_encoder import PictureFeatures
from backend.models.picture_volume import PictureVolume, VolumeConfig
from backend.models.reference_attention import ReferenceBank, install_reference_attention
from backend.models.view_unet import RAY_CHANNELS, build_unet, camera_rays, check_levels


@dataclass(frozen=True, kw_only=True, slots=True)
class MultiviewConfig:
    """Size of a `MultiviewNet` and the six cameras that it draws.

    Attributes:
        latent_px: Side of one tile's latents.
        channels: Widths of the levels, finest first.
        layers: Residual blocks of each level.
        attention: Levels with attention over all six tiles (and to the reference).
        heads: Attention heads of each level.
        num_tokens: Tokens of the prompt that carries the global condition; each as wide as the
            image encoder's embedding.
        position_channels: Learned input channels that tell where on the canvas a latent lies.
        sees_rays: Give the network each latent's camera ray as an input.
        sees_picture: Give the network the clean picture's latents, beside every tile, as an input.
        sees_volume: Give the network the canvas that a `PictureVolume` draws as an input.
    """

    rig: ViewRig = STARTER_RIG
    latent_px: int = 32
    latent_channels: int = 4
    channels: tuple[int, ...] = (128, 192, 192)
    layers: tuple[int, ...] = (2, 1, 1)
    attention: tuple[bool, ...] = (False, True, True)
    heads: tuple[int, ...] = (2, 3, 3)
    num_tokens: int = 8
    token_channels: int = 192
    norm_groups: int = 32
    position_channels: int = 8
    sees_rays: bool = True
    sees_picture: bool = True
    sees_volume: bool = True
    volume: VolumeConfig = field(default_factory=VolumeConfig)
    schedule: ViewSchedule = field(default_factory=ViewSchedule)

    def __post_init__(self) -> None:
        check_levels(self)

    @property
    def canvas(self) -> tuple[int, int, int]:
        """Channels, rows and columns of the canvas of latents."""
        return self.latent_channels, SHEET_ROWS * self.latent_px, SHEET_COLUMNS * self.latent_px

    @property
    def volume_channels(self) -> int:
        """Channels of the hint: the drawn latents, their opacity and features."""
        return (self.latent_channels + 1 + self.volume.features) * self.sees_volume

    @property
    def condition_channels(self) -> int:
        """Input channels beside the noisy latents."""
        seen = RAY_CHANNELS * self.sees_rays + self.latent_channels * self.sees_picture
        return self.volume_channels + seen + self.position_channels


ZERO123PLUS_MULTIVIEW = MultiviewConfig(
    rig=ZERO123PLUS_V12_RIG,
    latent_px=40,
    channels=(320, 640, 1280, 1280),
    layers=(2, 2, 2, 2),
    attention=(True, True, True, False),
    heads=(5, 10, 20, 20),
    num_tokens=77,
    token_channels=1024,
    position_channels=0,
    sees_rays=False,
    sees_picture=False,
    sees_volume=False,
)
"""Stable Diffusion 2's UNet, as Zero123++ uses it."""


@dataclass(frozen=True, slots=True)
class ViewCondition:
    """What the six views are drawn from.

    Attributes:
        picture: Latents of the input picture, as `ViewAutoencoder.encode` gives them.
        features: The image encoder's of it; zeros stand for none.
    """

    picture: Float[Tensor, "b c h w"]
    features: PictureFeatures

    def kept(self, keep: Bool[Tensor, " b"], *, empty: Float[Tensor, "1 c h w"]) -> "ViewCondition":
        """The same where `keep` says so; elsewhere the `empty` picture and nothing of it."""
        picture = torch.where(keep[:, None, None, None], self.picture, empty)
        return ViewCondition(picture, self.features.kept(keep))

    def after(self, first: "ViewCondition") -> "ViewCondition":
        """One batch: `first`, then this."""
        picture = torch.cat([first.picture, self.picture])
        return ViewCondition(picture, self.features.after(first.features))


class MultiviewNet(nn.Module):
    """A `UNet2DConditionModel` over the canvas with reference attention and a ramped global condition."""

    rays: Tensor

    def __init__(self, config: MultiviewConfig) -> None:
        super().__init__()
        self.config = config
        self.unet = build_unet(
            config,
            sample_size=config.canvas[1:],
            in_channels=config.latent_channels + config.condition_channels,
            token_channels=config.token_channels,
        )
        install_reference_attention(self.unet)
        # FlexDiffuse's linear guidance: late tokens carry most of the picture (2310.15110, section 2.2).
        self.ramp = nn.Parameter(torch.arange(config.num_tokens) / config.num_tokens)
        self.prompt = nn.Parameter(0.02 * torch.randn(config.num_tokens, config.token_channels))
        _, height, width = config.canvas
        size = config.latent_px
        self.canvas_position = nn.Parameter(0.02 * torch.randn(config.position_channels, height, width))
        self.picture_position = nn.Parameter(0.02 * torch.randn(config.position_channels, size, size))
        rays = sheet_from_views(camera_rays(config.rig.cameras(), config.latent_px))
        self.register_buffer("rays", rays, persistent=False)
        self.volume = _build_volume(config) if config.sees_volume else None
        narrow_norms(self)

    def hint(self, condition: ViewCondition) -> Float[Tensor, "b o hh ww"]:
        """What the condition alone says of the canvas; its first channels are a guess of the clean latents.

        It has no channels when the network sees no volume. The same at every timestep.
        """
        if self.volume is None:
            return self.rays.new_zeros(len(condition.picture), 0, *self.config.canvas[1:])
        return self.volume(condition.picture, condition.features)

    def forward(
        self,
        noisy: Float[Tensor, "b c hh ww"],
        noisy_reference: Float[Tensor, "b c h w"],
        timesteps: Int[Tensor, " b"],
        condition: ViewCondition,
        hint: Float[Tensor, "b o hh ww"] | None = None,
    ) -> Float[Tensor, "b c hh ww"]:
        """Predict the velocity of the canvas.

        Args:
            noisy: The canvas at `timesteps`.
            noisy_reference: The reference picture's code (`LatentScaling.code`) at the same timesteps.
            timesteps: Training timesteps.
            condition: The clean picture.
            hint: What `hint` says of the condition, where it is at hand.
        """
        hint = self.hint(condition) if hint is None else hint
        prompt = self.prompt + self.ramp[:, None] * condition.features.embedding[:, None]
        bank = ReferenceBank(mode="record")
        self._run(self._reference_input(noisy_reference, condition.picture), timesteps, prompt, bank)
        bank.mode = "attend"
        return self._run(self._canvas_input(noisy, condition.picture, hint), timesteps, prompt, bank)

    def _run(self, image: Tensor, timesteps: Tensor, prompt: Tensor, bank: ReferenceBank) -> Tensor:
        attention_arguments = {"bank": bank}
        return self.unet(
            image, timesteps, prompt, cross_attention_kwargs=attention_arguments, return_dict=False
        )[0]

    def _canvas_input(
        self,
        noisy: Float[Tensor, "b c hh ww"],
        picture: Float[Tensor, "b c h w"],
        hint: Float[Tensor, "b o hh ww"],
    ) -> Float[Tensor, "b d hh ww"]:
        parts = [noisy, hint.to(noisy.dtype)]
        if self.config.sees_picture:
            parts.append(repeat(picture, "b c h w -> b c (r h) (k w)", r=SHEET_ROWS, k=SHEET_COLUMNS))
        if self.config.sees_rays:
            parts.append(self.rays.expand(len(noisy), -1, -1, -1))
        parts.append(self.canvas_position.expand(len(noisy), -1, -1, -1))
        return torch.cat(parts, dim=1)

    def _reference_input(
        self, noisy: Float[Tensor, "b c h w"], picture: Float[Tensor, "b c h w"]
    ) -> Float[Tensor, "b d h w"]:
        # Nothing is drawn of the picture's own view, and its camera is not known; no ray of a rig is zero.
        nothing = torch.zeros_like(noisy[:, :1])
        parts = [noisy, nothing.expand(-1, self.config.volume_channels, -1, -1)]
        if self.config.sees_picture:
            parts.append(picture)
        if self.config.sees_rays:
            parts.append(nothing.expand(-1, RAY_CHANNELS, -1, -1))
        parts.append(self.picture_position.expand(len(noisy), -1, -1, -1))
        return torch.cat(parts, dim=1)


def _build_volume(config: MultiviewConfig) -> PictureVolume:
    return PictureVolume(
        config.volume,
        rig=config.rig,
        size=config.latent_px,
        latent_channels=config.latent_channels,
        embedding=config.token_channels,
    )
