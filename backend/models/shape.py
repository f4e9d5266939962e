"""Stage 2b: the sparse diffusion UNet that finds signed distance and colour on the shell, at 128^3."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from backend.artifacts import FINE
from backend.diffusion.volume import VolumeSchedule
from backend.errors import ConfigError
from backend.geometry.cameras import Cameras
from backend.geometry.grids import voxel_centres
from backend.models.blocks3d import (
    ConditionPyramid,
    Grid,
    SparseLayers,
    TimeEmbedding,
    UNetShape,
    VolumeUNet,
    zero_init,
)
from backend.models.lifting import Projections, project_lists, sample_maps
from backend.models.sparse import DownConv, SparseKernel, SparseLevel, SparsePyramid, build_pyramid
from backend.models.view_features import (
    DINOV2_BASE_FEATURES,
    EncodedViews,
    PointLifter,
    ViewEncoder,
    ViewFeaturesConfig,
)

SHAPE_CHANNELS = 4
"""Signed distance, red, green, blue."""
STARTER_FEATURES = ViewFeaturesConfig(
    layers=4, mlp_ratio=3, map_channels=48, detail_channels=16, pools_variance=True
)
STARTER_UNET = UNetShape(
    channels=(32, 64, 96, 112), blocks=(1, 2, 2, 1), condition=(32, 48, 48, 48), embedding=128
)
LIFT_CHUNK = 2**14
"""Points lifted at once when no gradient is needed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShapeConfig:
    """Size of a `ShapeNet`.

    Attributes:
        resolution: Voxels along a side of the finest level.
        lift: Width of the network that lifts the views' features to the second level.
        detail: Width of the one that lifts pixels and details to the finest level.
        blend: Width of the keys and queries that choose between the views' colours.
    """

    views: ViewFeaturesConfig = STARTER_FEATURES
    unet: UNetShape = STARTER_UNET
    schedule: VolumeSchedule = field(default_factory=VolumeSchedule)
    resolution: int = FINE
    lift: int = 48
    detail: int = 32
    blend: int = 8

    def __post_init__(self) -> None:
        if len(self.unet.channels) < 2 or self.unet.heads:
            raise ConfigError(f"the shape UNet has at least two levels and no attention, got {self}")
        if self.resolution % 2 ** (len(self.unet.channels) - 1):
            raise ConfigError(f"a grid of {self.resolution} cannot be halved for every level of {self}")


PAPER_SHAPE = ShapeConfig(
    views=DINOV2_BASE_FEATURES,
    unet=UNetShape(
        channels=(32, 64, 128, 256, 256),
        blocks=(1, 1, 1, 1, 1),
        condition=(32, 64, 64, 64, 64),
        embedding=256,
    ),
    lift=128,
)
"""Widths as in LAS-Diffusion's second stage; the paper gives none."""


@dataclass(frozen=True, slots=True)
class ShapeCondition:
    """What the views say about a set of voxels, encoded once for all steps.

    Attributes:
        counts: Voxels of each sample.
        grid: The voxels and their ancestors.
        volumes: The condition of each level of the UNet.
        summary: The encoder's vector for all views.
        colours: Each view's colour at each voxel, in [-1, 1].
        keys: What the choice between the views' colours goes by.
        hidden: Added to the choice: very negative for views that are missing.
    """

    counts: list[int]
    grid: Grid
    volumes: tuple[Tensor, ...]
    summary: Float[Tensor, "b e"]
    colours: Float[Tensor, "n v 3"]
    keys: Float[Tensor, "n v k"]
    hidden: Float[Tensor, "n v"]


class ShapeNet(nn.Module):
    """Predicts clean signed distance and colour of voxels, coded in [-1, 1], from noisy ones."""

    def __init__(self, config: ShapeConfig) -> None:
        super().__init__()
        self.config = config
        unet, views, layers = config.unet, config.views, SparseLayers()
        self.encoder = ViewEncoder(views)
        variance = views.pools_variance
        self.detail_lifter = PointLifter(
            views.detail_channels, 4, config.detail, unet.condition[0], pools_variance=variance
        )
        self.lifter = PointLifter(
            views.map_channels, 4, config.lift, unet.condition[1], pools_variance=variance
        )
        self.shrink = DownConv(unet.condition[0], unet.condition[1])
        self.pyramid = ConditionPyramid(unet.condition[1], unet.condition[1:], layers)
        self.embed = TimeEmbedding(unet.embedding, views.hidden)
        self.enter = layers.pointwise(SHAPE_CHANNELS, unet.channels[0])
        self.unet = VolumeUNet(unet, layers)
        self.norm = layers.norm(unet.channels[0])
        self.key = nn.Linear(config.detail, config.blend)
        self.query = nn.Linear(unet.channels[0], config.blend)
        self.leave = zero_init(nn.Linear(unet.channels[0] + 3, SHAPE_CHANNELS))

    def voxels(
        self,
        coords: Int[Tensor, "n 4"],
        *,
        num_samples: int,
        kernel: SparseKernel = SparseKernel.GATHER,
    ) -> SparsePyramid:
        """Neighbour maps of voxels (batch, x, y, z) in C order, for `condition`."""
        return build_pyramid(
            coords,
            resolution=self.config.resolution,
            num_levels=len(self.config.unet.channels),
            num_samples=num_samples,
            kernel=kernel,
        )

    def condition(
        self, views: Float[Tensor, "b v 4 h w"], cameras: Cameras, voxels: SparsePyramid
    ) -> ShapeCondition:
        """Encode views (straight alpha, sRGB, any size) taken by `cameras` (b, v) for `voxels`."""
        encoded = self.encoder(views)
        level = voxels.levels[0]
        fine, seen, pixels = self._lift(self.detail_lifter, encoded.details, encoded, cameras, level)
        coarse, _, _ = self._lift(self.lifter, encoded.maps, encoded, cameras, voxels.levels[1])
        coarse = coarse + self.shrink(fine, voxels.steps[0])
        lower = self.pyramid(coarse, Grid(voxels.levels[1:], voxels.steps[1:]))
        alpha = pixels[..., 3:]
        is_there = encoded.present[level.coords[:, 0].long()]
        return ShapeCondition(
            level.members.sum(dim=0).long().tolist(),
            Grid(voxels.levels, voxels.steps),
            (fine, *lower),
            encoded.summary,
            2 * (pixels[..., :3] / alpha.clamp_min(1e-2)).clamp(0, 1) - 1,
            self.key(seen),
            torch.where(is_there, 0.0, -1e4),
        )

    def forward(
        self, noisy: Float[Tensor, "n 4"], timesteps: Int[Tensor, " b"], condition: ShapeCondition
    ) -> Float[Tensor, "n 4"]:
        """Predict the clean values of every voxel."""
        embedding = self.embed(timesteps, condition.summary)
        feats = self.unet(self.enter(noisy), embedding, condition.grid, condition.volumes)
        feats = F.silu(self.norm(feats))
        # The projected colours join at the last layer (One-2-3-45++, 3.2), chosen by what the UNet knows.
        choice = (self.query(feats)[:, None] * condition.keys).sum(dim=-1) + condition.hidden
        weight = choice.softmax(dim=1)[..., None].to(feats.dtype)
        colour = (weight * condition.colours.to(feats.dtype)).sum(dim=1)
        out = self.leave(torch.cat([feats, colour], dim=1))
        return out + F.pad(colour, (1, 0))

    def _lift(
        self,
        lifter: PointLifter,
        maps: Float[Tensor, "b v h w c"],
        encoded: EncodedViews,
        cameras: Cameras,
        level: SparseLevel,
    ) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n v w"], Float[Tensor, "n v 4"]]:
        """Lifted features of a level's voxels, each view's contribution, and the pixels they show."""
        projections = _project(level, cameras)
        count = len(level.coords)
        size = count if torch.is_grad_enabled() else LIFT_CHUNK
        parts = []
        for start in range(0, max(count, 1), max(size, 1)):
            part = projections[start : start + size]
            pixels = sample_maps(encoded.pixels.movedim(2, -1), part)
            parts.append((*lifter(maps, encoded.present, part, pixels), pixels))
        lifted, seen, pixels = (torch.cat(column) for column in zip(*parts, strict=True))
        return lifted, seen, pixels


def _project(level: SparseLevel, cameras: Cameras) -> Projections:
    counts = level.members.sum(dim=0).long().tolist()
    points = voxel_centres(level.coords[:, 1:], level.resolution).split(counts)
    return project_lists(list(points), cameras)
