"""Stage 2a: the dense diffusion UNet that finds the shell of an object in a 64^3 grid."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from backend.artifacts import COARSE
from backend.diffusion.volume import VolumeSchedule
from backend.errors import ConfigError
from backend.geometry.cameras import Cameras
from backend.geometry.grids import cell_centres
from backend.models.blocks3d import (
    ConditionPyramid,
    DenseLayers,
    TimeEmbedding,
    UNetShape,
    VolumeUNet,
    dense_grid,
    zero_init,
)
from backend.models.lifting import Projections, project_grid, sample_pixels
from backend.models.view_features import (
    DINOV2_BASE_FEATURES,
    EncodedViews,
    PointLifter,
    ViewEncoder,
    ViewFeaturesConfig,
)

STARTER_FEATURES = ViewFeaturesConfig(pools_variance=True)
STARTER_UNET = UNetShape(
    channels=(64, 128, 160), blocks=(2, 2, 1), condition=(64, 64, 64), embedding=128, heads=5
)
LIFT_CHUNK = 2**15
"""Points lifted at once when no gradient is needed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OccupancyConfig:
    """Size of an `OccupancyNet`.

    Attributes:
        resolution: Cells along a side of the grid.
        patch: Side of the cubes of cells that the first layer folds into channels.
        lift: Width of the network that lifts the views' features.
    """

    views: ViewFeaturesConfig = STARTER_FEATURES
    unet: UNetShape = STARTER_UNET
    schedule: VolumeSchedule = field(default_factory=VolumeSchedule)
    resolution: int = COARSE
    patch: int = 2
    lift: int = 64

    def __post_init__(self) -> None:
        if self.resolution % (self.patch * 2 ** (len(self.unet.channels) - 1)):
            raise ConfigError(f"a grid of {self.resolution} cannot be halved for every level of {self}")


PAPER_OCCUPANCY = OccupancyConfig(
    views=DINOV2_BASE_FEATURES,
    unet=UNetShape(
        channels=(64, 128, 256, 512, 512),
        blocks=(1, 1, 1, 1, 1),
        condition=(64, 64, 64, 64, 64),
        embedding=256,
        heads=8,
    ),
    patch=1,
    lift=128,
)
"""Levels 64 to 4 as in the paper; widths as in LAS-Diffusion at base width 64."""


@dataclass(frozen=True, slots=True)
class OccupancyCondition:
    """What the views say, encoded once for all steps.

    Attributes:
        volumes: The condition of each level of the UNet.
        summary: The encoder's vector for all views.
    """

    volumes: tuple[Tensor, ...]
    summary: Float[Tensor, "b e"]


class OccupancyNet(nn.Module):
    """Predicts the clean occupancy, coded -1 and +1, from a noisy one."""

    def __init__(self, config: OccupancyConfig) -> None:
        super().__init__()
        self.config = config
        unet, patch = config.unet, config.patch
        layers = DenseLayers()
        self.encoder = ViewEncoder(config.views)
        self.lifter = PointLifter(
            config.views.map_channels,
            4 * patch**3,
            config.lift,
            unet.condition[0],
            pools_variance=config.views.pools_variance,
        )
        self.pyramid = ConditionPyramid(unet.condition[0], unet.condition, layers)
        self.embed = TimeEmbedding(unet.embedding, config.views.hidden)
        self.enter = nn.Conv3d(1, unet.channels[0], patch, stride=patch)
        self.unet = VolumeUNet(unet, layers)
        self.norm = layers.norm(unet.channels[0])
        self.leave = zero_init(nn.ConvTranspose3d(unet.channels[0], 1, patch, stride=patch))

    def condition(self, views: Float[Tensor, "b v 4 h w"], cameras: Cameras) -> OccupancyCondition:
        """Encode views (straight alpha, sRGB, any size) taken by `cameras` (b, v)."""
        encoded = self.encoder(views)
        volume = self._lift(encoded, cameras)
        grid = dense_grid(len(self.config.unet.channels))
        return OccupancyCondition(self.pyramid(volume, grid), encoded.summary)

    def forward(
        self,
        noisy: Float[Tensor, "b 1 x y z"],
        timesteps: Int[Tensor, " b"],
        condition: OccupancyCondition,
    ) -> Float[Tensor, "b 1 x y z"]:
        """Predict the clean grid."""
        embedding = self.embed(timesteps, condition.summary)
        grid = dense_grid(len(self.config.unet.channels))
        feats = self.unet(self.enter(noisy), embedding, grid, condition.volumes)
        return self.leave(F.silu(self.norm(feats)))

    def _lift(self, encoded: EncodedViews, cameras: Cameras) -> Float[Tensor, "b c x y z"]:
        side = self.config.resolution // self.config.patch
        points = cell_centres(side, device=cameras.fov.device).flatten(0, 2)
        cells = cell_centres(self.config.resolution, device=cameras.fov.device)
        pattern = "(x i) (y j) (z k) d -> (x y z) (i j k) d"
        patch = self.config.patch
        cells = rearrange(cells, pattern, i=patch, j=patch, k=patch)
        chunks = [slice(None)]
        if not torch.is_grad_enabled():
            chunks = [slice(i, i + LIFT_CHUNK) for i in range(0, len(points), LIFT_CHUNK)]
        parts = [self._lift_points(encoded, points[part], cells[part], cameras) for part in chunks]
        return rearrange(torch.cat(parts, dim=1), "b (x y z) c -> b c x y z", x=side, y=side)

    def _lift_points(
        self,
        encoded: EncodedViews,
        points: Float[Tensor, "n 3"],
        cells: Float[Tensor, "n k 3"],
        cameras: Cameras,
    ) -> Float[Tensor, "b n c"]:
        pixels = sample_pixels(encoded.pixels, cells.flatten(0, 1), cameras)
        pixels = rearrange(pixels, "b v c (n k) -> (b n) v (k c)", k=cells.shape[1])
        projections: Projections = project_grid(points, cameras)
        lifted, _ = self.lifter(encoded.maps, encoded.present, projections, pixels)
        return lifted.unflatten(0, (len(encoded.maps), len(points)))
