"""The network that draws one view of an object from a picture and a relative camera (Zero123, 2303.11328).

One class for every size: the published network sees the picture's latents and one token; our small one also
sees what a trained `PictureVolume` draws from the wanted camera, and that camera's rays.
"""

from dataclasses import dataclass, field

import torch
from diffusers import UNet2DConditionModel
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from backend.diffusion.ddim import ZERO123_SCHEDULE, DdimSchedule
from backend.geometry.anchors import STARTER_LAYOUT, ZERO123_LAYOUT, AnchorLayout, Directions
from backend.models.blocks3d import narrow_norms
from backend.models.view_unet import RAY_CHANNELS, build_unet, camera_rays, check_levels

POSE_CHANNELS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Zero123Config:
    """Size of a `Zero123Net` and the cameras that it draws.

    Attributes:
        latent_px: Side of a view's latents.
        channels: Widths of the levels, finest first.
        layers: Residual blocks of each level.
        attention: Levels with attention.
        heads: Attention heads of each level.
        embedding: Width of the image encoder's embedding, and of the token made from it.
        hint_channels: What is drawn of the picture's volume; 0 for a network that does not see it.
        sees_rays: Give the network the wanted camera's rays as an input.
        is_projected_linearly: How attention's input is projected; Stable Diffusion 1 has convolutions.
    """

    layout: AnchorLayout = STARTER_LAYOUT
    latent_px: int = 32
    latent_channels: int = 4
    channels: tuple[int, ...] = (64, 96, 96)
    layers: tuple[int, ...] = (1, 1, 1)
    attention: tuple[bool, ...] = (False, True, True)
    heads: tuple[int, ...] = (1, 2, 2)
    embedding: int = 192
    norm_groups: int = 16
    hint_channels: int = 16
    sees_rays: bool = True
    is_projected_linearly: bool = True
    schedule: DdimSchedule = field(default_factory=DdimSchedule)

    def __post_init__(self) -> None:
        check_levels(self)

    @property
    def in_channels(self) -> int:
        """Noisy latents, the picture's latents, and what else the network sees."""
        return 2 * self.latent_channels + self.hint_channels + RAY_CHANNELS * self.sees_rays


ZERO123 = Zero123Config(
    layout=ZERO123_LAYOUT,
    channels=(320, 640, 1280, 1280),
    layers=(2, 2, 2, 2),
    attention=(True, True, True, False),
    heads=(8, 8, 8, 8),
    embedding=768,
    norm_groups=32,
    hint_channels=0,
    sees_rays=False,
    is_projected_linearly=False,
    schedule=ZERO123_SCHEDULE,
)
"""Stable Diffusion 1's UNet with the picture's latents beside the noisy ones, as Zero123 uses it."""


@dataclass(frozen=True, slots=True)
class Zero123Condition:
    """What each view of a batch is drawn from; zeros stand for nothing.

    Attributes:
        picture: The autoencoder's code of the picture, unscaled (`LatentScaling.code`).
        token: The picture's embedding and the relative camera (`Zero123Net.token`).
        hint: What the picture's volume shows to the wanted camera.
        rays: Of the wanted camera (`camera_rays`).
    """

    picture: Float[Tensor, "n c h w"]
    token: Float[Tensor, "n 1 e"]
    hint: Float[Tensor, "n o h w"]
    rays: Float[Tensor, "n r h w"]

    def __getitem__(self, part: slice) -> "Zero123Condition":
        """Some of the views."""
        return Zero123Condition(self.picture[part], self.token[part], self.hint[part], self.rays[part])

    def kept(self, keep: Bool[Tensor, " n"]) -> "Zero123Condition":
        """The same where `keep` says so; elsewhere the camera's rays alone, as guidance needs."""
        share = keep[:, None, None, None].to(self.picture.dtype)
        return Zero123Condition(
            self.picture * share, self.token * share[..., 0], self.hint * share, self.rays
        )

    def after(self, first: "Zero123Condition") -> "Zero123Condition":
        """One batch: `first`, then this."""
        return Zero123Condition(
            torch.cat([first.picture, self.picture]),
            torch.cat([first.token, self.token]),
            torch.cat([first.hint, self.hint]),
            torch.cat([first.rays, self.rays]),
        )


class Zero123Net(nn.Module):
    """A `UNet2DConditionModel` over one view's latents, and the projection of its one token.

    Args:
        config: Sizes.
        unet: One that exists already, of these sizes.
        projection: As well.
    """

    def __init__(
        self,
        config: Zero123Config,
        unet: UNet2DConditionModel | None = None,
        projection: nn.Linear | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.unet = _build_unet(config) if unet is None else unet
        self.projection = _build_projection(config.embedding) if projection is None else projection

    def token(self, embedding: Float[Tensor, "n e"], toward: Directions) -> Float[Tensor, "n 1 e"]:
        """The token of each view: the picture's embedding and the camera relative to the picture's."""
        return camera_token(self.projection, embedding, toward)

    def condition(
        self,
        code: Float[Tensor, "b c h w"],
        embedding: Float[Tensor, "b e"],
        toward: Directions,
        *,
        elevation: Float[Tensor, " b"],
        hint: Float[Tensor, "b v o h w"],
    ) -> Zero123Condition:
        """What views toward directions (b, v) are drawn from, the views of one picture after another.

        Args:
            code: The autoencoder's code of each picture, unscaled.
            embedding: The image encoder's.
            toward: Relative to the picture's camera.
            elevation: Of the picture's camera, for the rays.
            hint: What the picture's volume shows of each view.
        """
        num_views = toward.azimuth.shape[1]
        flat = Directions(toward.azimuth.flatten(), toward.elevation.flatten())
        height = toward.elevation + elevation[:, None]
        # In half precision neighbouring rays are the same.
        with torch.autocast(code.device.type, enabled=False):
            cameras = self.config.layout.place(Directions(toward.azimuth, height))
            rays = camera_rays(cameras, self.config.latent_px).flatten(0, 1)
        return Zero123Condition(
            code.repeat_interleave(num_views, dim=0),
            self.token(embedding.repeat_interleave(num_views, dim=0), flat),
            hint.flatten(0, 1),
            rays if self.config.sees_rays else rays[:, :0],
        )

    def forward(
        self,
        noisy: Float[Tensor, "n c h w"],
        timesteps: Int[Tensor, " n"],
        condition: Zero123Condition,
    ) -> Float[Tensor, "n c h w"]:
        """Predict what `config.schedule` says (noise or velocity) of views at `timesteps`."""
        parts = (noisy, condition.picture, condition.hint, condition.rays)
        dtype = self.unet.dtype
        seen = torch.cat([part.to(dtype) for part in parts], dim=1)
        return self.unet(seen, timesteps, condition.token.to(dtype), return_dict=False)[0]


def camera_token(
    projection: nn.Linear, embedding: Float[Tensor, "n e"], toward: Directions
) -> Float[Tensor, "n 1 e"]:
    """A picture's embedding and a camera relative to the picture's, as one token."""
    pose = pose_vector(toward).to(embedding)
    return projection(torch.cat([embedding, pose], dim=1))[:, None]


def pose_vector(toward: Directions) -> Float[Tensor, "n 4"]:
    """The relative camera: polar angle, sine and cosine of azimuth, distance (zero123: gradio_new.py).

    Its polar angle grows downwards; all our cameras of a layout stand equally far away.
    """
    turn = toward.azimuth
    return torch.stack([-toward.elevation, turn.sin(), turn.cos(), torch.zeros_like(turn)], dim=1)


def _build_unet(config: Zero123Config) -> UNet2DConditionModel:
    unet = build_unet(
        config,
        sample_size=config.latent_px,
        in_channels=config.in_channels,
        token_channels=config.embedding,
        is_projected_linearly=config.is_projected_linearly,
    )
    narrow_norms(unet)
    return unet


def _build_projection(embedding: int) -> nn.Linear:
    projection = nn.Linear(embedding + POSE_CHANNELS, embedding)
    # At first the token is the picture's embedding (zero123: ldm/models/diffusion/ddpm.py).
    nn.init.eye_(projection.weight)
    nn.init.zeros_(projection.bias)
    return projection
