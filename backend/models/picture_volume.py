"""A coarse guess of the six views with the geometry built in: picture -> volume -> the rig's cameras.

The paper's network must find out by itself how pixels of one tile belong to those of another. Here the
picture's camera is guessed, its features are carried along its rays into a small volume in generation space,
3D convolutions say what is where, and the known cameras of the rig draw it by volume rendering.
Legend: `d` depth samples.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from backend.errors import ConfigError
from backend.geometry.cameras import UNIT_RADIUS, Cameras, ViewRig, sheet_from_views
from backend.models.blocks3d import zero_init
from backend.models.fixed_sampling import FixedSampling
from backend.models.image_encoder import PictureFeatures
from backend.models.input_camera import CODE_CHANNELS, InputFrame

OPACITY_GAIN = 64.0
"""Opacity of a metre of matter with density one; a voxel of 1/32 m then hides most of what is behind."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VolumeConfig:
    """Size of a `PictureVolume`.

    Attributes:
        picture_channels: Width of the picture's features.
        channels: Widths of the volume's levels, finest first.
        features: Channels drawn beside latents and opacity.
        depths: Samples along each ray.
        stride: Latents to a cell of the volume and to a pixel of what is drawn, along a side.
        map_channels: Channels of the image encoder's map of the picture; 0 where it gives none.
    """

    picture_channels: int = 64
    channels: tuple[int, ...] = (32, 64, 96)
    features: int = 11
    depths: int = 20
    stride: int = 2
    norm_groups: int = 8
    map_channels: int = 0

    def __post_init__(self) -> None:
        if not self.channels or self.depths < 2 or self.stride < 1:
            raise ConfigError(f"a volume needs a level, two samples along a ray and a stride, got {self}")


class PictureVolume(nn.Module):
    """Draws the canvas of a rig from the latents and the features of one picture.

    Args:
        config: Sizes.
        rig: The cameras to draw with.
        size: Side of the picture's and of a tile's latents.
        latent_channels: Channels of both.
        embedding: Width of the image encoder's embedding.
    """

    is_inside: Tensor
    centres: Tensor

    def __init__(
        self, config: VolumeConfig, *, rig: ViewRig, size: int, latent_channels: int, embedding: int
    ) -> None:
        super().__init__()
        self.config = config
        self.latent_channels = latent_channels
        cells = size // config.stride
        width, groups, first = config.picture_channels, config.norm_groups, config.channels[0]
        self.picture_in = nn.Conv2d(latent_channels, width, 3, padding=1)
        self.map_in = zero_init(nn.Conv2d(config.map_channels, width, 1)) if config.map_channels else None
        self.picture_blocks = nn.ModuleList(
            [EmbeddedBlock(width, width, embedding, groups, 2) for _ in range(2)]
        )
        self.camera = nn.Sequential(
            nn.Linear(embedding, width), nn.SiLU(), zero_init(nn.Linear(width, CODE_CHANNELS))
        )
        self.enter = nn.Conv3d(width + 2, first, 1)
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        for fine, coarse in zip(config.channels, config.channels[1:], strict=False):
            self.down.append(EmbeddedBlock(fine, coarse, embedding, groups, 3))
            self.up.insert(0, EmbeddedBlock(fine + coarse, fine, embedding, groups, 3))
        self.middle = EmbeddedBlock(config.channels[-1], config.channels[-1], embedding, groups, 3)
        self.out = nn.Conv3d(first, latent_channels + config.features + 1, 1)
        self.background = nn.Parameter(torch.zeros(latent_channels))
        points = _canvas_points(rig, cells, config.depths)
        self.sampling = FixedSampling(points.flatten(0, 2), cells)
        self.register_buffer("centres", _cell_centres(cells), persistent=False)
        # Objects fit the sphere; without this, what is not yet learned would stand before them as fog.
        self.register_buffer("is_inside", points.norm(dim=-1) <= 1, persistent=False)

    @property
    def out_channels(self) -> int:
        """Channels of what `forward` draws: latents, opacity, features."""
        return self.latent_channels + 1 + self.config.features

    def forward(
        self,
        picture: Float[Tensor, "b c h w"],
        features: PictureFeatures,
    ) -> Float[Tensor, "b o hh ww"]:
        """A guess of the canvas's clean latents, then opacity and features."""
        drawn = self.draw(self.build(picture, features))
        if self.config.stride == 1:
            return drawn
        return F.interpolate(drawn, scale_factor=self.config.stride, mode="bilinear", align_corners=False)

    def build(
        self,
        picture: Float[Tensor, "b c h w"],
        features: PictureFeatures,
        frame: Float[Tensor, "b 5"] | None = None,
    ) -> Float[Tensor, "b o d i j"]:
        """Density, latents and features of every cell; a known `frame` (`InputFrame.code`) is not guessed."""
        embedding = features.embedding
        image = self.picture_in(picture)
        if self.map_in is not None:
            seen = F.interpolate(
                self.map_in(features.map), image.shape[-2:], mode="bilinear", align_corners=False
            )
            image = image + seen
        for block in self.picture_blocks:
            image = block(image, embedding)
        frame = self.guess_frame(embedding) if frame is None else frame
        volume = self.enter(self._lifted(F.silu(image), frame))
        skips = []
        for block in self.down:
            skips.append(volume)
            volume = block(F.avg_pool3d(volume, 2), embedding)
        volume = self.middle(volume, embedding)
        for block in self.up:
            larger = F.interpolate(volume, scale_factor=2, mode="nearest")
            volume = block(torch.cat([larger, skips.pop()], dim=1), embedding)
        return self.out(F.silu(volume))

    def guess_frame(self, embedding: Float[Tensor, "b e"]) -> Float[Tensor, "b 5"]:
        """How the picture may see the object, as `InputFrame.code`."""
        return self.camera(embedding).float()

    def _lifted(
        self, image: Float[Tensor, "b c h w"], frame: Float[Tensor, "b 5"]
    ) -> Float[Tensor, "b k d i j"]:
        """The picture's features at every cell, the cell's depth, and whether the picture shows it."""
        with torch.autocast(image.device.type, enabled=False):
            # The frame is taught by its own loss; through the features it would be pulled off the truth.
            uv, depth = InputFrame.from_code(frame.detach()).project(self.centres.flatten(0, 2))
            grid = (2 * uv - 1)[:, :, None]
            sampled = F.grid_sample(image.float(), grid, padding_mode="zeros", align_corners=False)
            is_shown = ((uv > 0) & (uv < 1)).all(dim=2).float()
            lifted = torch.cat([sampled[..., 0], depth[:, None], is_shown[:, None]], dim=1)
        return lifted.unflatten(2, self.centres.shape[:3]).to(image.dtype)

    def draw(self, volume: Float[Tensor, "b k d h w"]) -> Float[Tensor, "b o i j"]:
        """Volume rendering (Max 1995) of density, then latents and features, over a learned background."""
        batch = len(volume)
        cells = rearrange(volume, "b k d h w -> (d h w) (b k)")
        with torch.autocast(volume.device.type, enabled=False):
            sampled = self.sampling(cells).view(*self.is_inside.shape, batch, -1)
            is_inside = self.is_inside[..., None].expand(*sampled.shape[:-1])
            return rearrange(self.rendered(sampled, is_inside), "h w b k -> b k h w")

    def rendered(
        self, sampled: Float[Tensor, "d *p k"], is_inside: Bool[Tensor, " d *p"]
    ) -> Float[Tensor, "*p o"]:
        """What rays see of the samples along them, nearest first: latents, opacity, features."""
        density, values = sampled[..., 0].float(), sampled[..., 1:]
        thickness = OPACITY_GAIN * 2 * UNIT_RADIUS / self.config.depths
        clearness = -F.softplus(density - 2) * thickness * is_inside
        before = clearness.cumsum(0) - clearness
        weight = before.exp() * (1 - clearness.exp())
        drawn = (weight[..., None].to(values.dtype) * values).sum(0, dtype=torch.float32)
        opacity = weight.sum(0)[..., None]
        latents, features = drawn.split([self.latent_channels, self.config.features], dim=-1)
        return torch.cat([latents + (1 - opacity) * self.background, opacity, features], dim=-1)


class EmbeddedBlock(nn.Module):
    """Two convolutions with a residual path, the embedding added in between (2D or 3D)."""

    def __init__(self, inner: int, outer: int, embedding: int, groups: int, dimensions: int) -> None:
        super().__init__()
        conv = nn.Conv2d if dimensions == 2 else nn.Conv3d
        self.first = nn.Sequential(nn.GroupNorm(groups, inner), nn.SiLU(), conv(inner, outer, 3, padding=1))
        self.second = nn.Sequential(nn.GroupNorm(groups, outer), nn.SiLU(), conv(outer, outer, 3, padding=1))
        self.shift = nn.Linear(embedding, outer)
        self.short = nn.Identity() if inner == outer else conv(inner, outer, 1)

    def forward(self, x: Float[Tensor, "b c *s"], embedding: Float[Tensor, "b e"]) -> Float[Tensor, "b k *s"]:
        shift = self.shift(embedding)
        shift = shift.reshape(*shift.shape, *[1] * (x.dim() - 2))
        return self.short(x) + self.second(self.first(x) + shift)


def _cell_centres(cells: int) -> Float[Tensor, "d h w 3"]:
    """Centres of the cells, which are kept in the order (y, -z, x)."""
    axis = ((torch.arange(cells) + 0.5) / cells - 0.5) * 2 * UNIT_RADIUS
    y, down, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    return torch.stack([x, y, -down], dim=-1)


def ray_points(cameras: Cameras, size: int, depths: int) -> Float[Tensor, "d *b h w 3"]:
    """Where rays through pixels are sampled, near to far, as `grid_sample` counts a (y, -z, x) volume."""
    origins, directions = cameras.rays(size)
    step = ((torch.arange(depths, device=origins.device) + 0.5) / depths - 0.5) * 2 * UNIT_RADIUS
    far = origins.norm(dim=-1, keepdim=True) + step.reshape(-1, *[1] * origins.dim())
    x, y, z = (origins + directions * far).unbind(dim=-1)
    return torch.stack([x, -z, y], dim=-1) / UNIT_RADIUS


def _canvas_points(rig: ViewRig, size: int, depths: int) -> Float[Tensor, "d hh ww 3"]:
    found = ray_points(rig.cameras(), size, depths)
    return sheet_from_views(found.movedim(-1, 2)).movedim(1, -1)
