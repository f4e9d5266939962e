"""A signed distance field straight from posed views, without fitting (One-2-3-45; SparseNeuS).

A dense cost volume and its UNet say roughly where the surface is; a sparse one of twice the resolution looks
closer there. A small network reads signed distances from the features interpolated at any point, another one
blends the colours that the views show of it.

Legend: `b` samples, `n` points of a sample, `m` rows of points of all samples.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from backend.errors import ConfigError
from backend.geometry.cameras import UNIT_RADIUS, Cameras
from backend.geometry.grids import cell_centres, children, voxel_centres
from backend.models.blocks3d import (
    ConditionPyramid,
    DenseLayers,
    Grid,
    Layers,
    SparseLayers,
    UNetShape,
    VolumeUNet,
    dense_grid,
)
from backend.models.colour_blend import ColourBlend
from backend.models.cost_volume import SourceViews, ViewPyramid, ViewPyramidConfig, cost_of
from backend.models.lifting import Projections, project_grid, project_lists, weighted_rows
from backend.models.sparse import SparseKernel, build_pyramid

LIFT_CHUNK = 2**14
"""Points projected at once when no gradient is needed."""
START_DISTANCE = 0.05
"""Distance in metres that an untrained network says everywhere: open space, which rays then carve."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NeuralSdfConfig:
    """Size of a `NeuralSdf`.

    Attributes:
        coarse: Cells along a side of the dense volume; the sparse one has twice as many.
        features: Width of both volumes' features.
        hidden: Width of the layers of the network of distances.
        layers: Their number.
        waves: Frequencies of the encoding of a point.
        blend: Width of the network that blends colours.
        near: Logit from which on a cell counts as near the surface.
        most: Cells of an object that are looked at more closely at most, the likeliest ones.
    """

    views: ViewPyramidConfig = field(default_factory=ViewPyramidConfig)
    dense: UNetShape = field(
        default_factory=lambda: UNetShape(
            channels=(32, 48, 72), blocks=(1, 1, 1), condition=(32, 32, 48), embedding=48
        )
    )
    sparse: UNetShape = field(
        default_factory=lambda: UNetShape(
            channels=(32, 48, 64), blocks=(1, 1, 1), condition=(32, 32, 48), embedding=48
        )
    )
    coarse: int = 48
    features: int = 16
    hidden: int = 128
    layers: int = 4
    waves: int = 6
    blend: int = 32
    near: float = -1.0
    most: int = 12_000

    def __post_init__(self) -> None:
        deepest = max(len(self.dense.channels), len(self.sparse.channels) - 1)
        if self.coarse % 2 ** (deepest - 1) or self.dense.embedding != self.sparse.embedding:
            raise ConfigError(
                f"the grid must halve for every level and both UNets take one embedding: {self}"
            )

    @property
    def fine(self) -> int:
        """Voxels along a side of the sparse volume."""
        return 2 * self.coarse


PAPER_NEURAL_SDF = NeuralSdfConfig(
    views=ViewPyramidConfig(image_px=256, channels=(8, 16, 32)),
    dense=UNetShape(channels=(16, 32, 64), blocks=(2, 2, 2), condition=(16, 32, 64), embedding=64),
    sparse=UNetShape(channels=(16, 32, 64), blocks=(2, 2, 2), condition=(16, 32, 64), embedding=64),
    coarse=96,
    most=50_000,
)
"""Widths and grids of One-2-3-45's released model, whose second volume of 192^3 is switched off there."""


@dataclass(frozen=True, slots=True)
class CoarseVolume:
    """What the dense volume says.

    Attributes:
        near: Logits of the surface being in a cell or just beside it.
    """

    features: Float[Tensor, "b c x y z"]
    near: Float[Tensor, "b x y z"]


@dataclass(frozen=True, slots=True)
class FineVolume:
    """Features of the voxels near the surface.

    Attributes:
        rows: Features of the voxels and a last column of ones, which tells how near a point is to them.
        lookup: Row of each voxel in a grid with a border of one; -1 where there is none.
    """

    rows: Float[Tensor, "m c"]
    lookup: Int[Tensor, "b x y z"]


@dataclass(frozen=True, slots=True)
class Field:
    """A reconstructed batch: all that is needed to ask for distances and colours."""

    source: SourceViews
    cameras: Cameras
    coarse: CoarseVolume
    fine: FineVolume


class VolumeNet(nn.Module):
    """A UNet on costs, dense or sparse; the costs join at every level."""

    def __init__(self, in_channels: int, out_channels: int, shape: UNetShape, layers: Layers) -> None:
        super().__init__()
        self.pyramid = ConditionPyramid(in_channels, shape.condition, layers)
        self.enter = layers.pointwise(shape.condition[0], shape.channels[0])
        self.unet = VolumeUNet(shape, layers)
        self.norm = layers.norm(shape.channels[0])
        self.leave = layers.pointwise(shape.channels[0], out_channels)

    def forward(self, cost: Tensor, summary: Float[Tensor, "b e"], grid: Grid) -> Tensor:
        """Features of every cell."""
        volumes = self.pyramid(cost, grid)
        feats = self.unet(self.enter(volumes[0]), summary, grid, volumes)
        return self.leave(F.silu(self.norm(feats)))


class DistanceNet(nn.Module):
    """Signed distance of points from the features around them (SparseNeuS, section 3.2)."""

    def __init__(self, in_channels: int, config: NeuralSdfConfig) -> None:
        super().__init__()
        self.waves = config.waves
        widths = [in_channels + 3 + 6 * config.waves, *[config.hidden] * config.layers]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.out = nn.Linear(config.hidden, 1)
        nn.init.normal_(self.out.weight, std=1e-3)
        nn.init.constant_(self.out.bias, START_DISTANCE)

    def forward(self, features: Float[Tensor, "m c"], points: Float[Tensor, "m 3"]) -> Float[Tensor, " m"]:
        """Distances in metres, negative inside."""
        hidden = torch.cat([features, waves_of(points / UNIT_RADIUS, self.waves)], dim=1)
        for layer in self.layers:
            hidden = F.softplus(layer(hidden), beta=100)
        return self.out(hidden)[:, 0]


def waves_of(points: Float[Tensor, "m 3"], frequencies: int) -> Float[Tensor, "m c"]:
    """Coordinates in [-1, 1], and sines and cosines of them (NeRF, eq. 4)."""
    scale = math.pi * 2.0 ** torch.arange(frequencies, device=points.device)
    angles = (points[:, :, None] * scale).flatten(1)
    return torch.cat([points, angles.sin(), angles.cos()], dim=1)


class NeuralSdf(nn.Module):
    """Signed distances and colours of an object from views of it and their cameras."""

    def __init__(self, config: NeuralSdfConfig) -> None:
        super().__init__()
        self.config = config
        cost = config.views.cost_channels
        self.pyramid = ViewPyramid(config.views, config.dense.embedding)
        self.dense = VolumeNet(cost, config.features + 1, config.dense, DenseLayers())
        self.sparse = VolumeNet(cost + config.features, config.features, config.sparse, SparseLayers())
        self.distances = DistanceNet(2 * config.features + 1, config)
        self.colours = ColourBlend(config.views.map_channels, 2 * config.features + 1, config.blend)
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(128.0)))

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        return self.log_sharpness.device

    def look(self, views: Float[Tensor, "b v 4 h w"], cameras: Cameras) -> tuple[SourceViews, CoarseVolume]:
        """The views and the dense volume; views are straight-alpha sRGB of any size, cameras (b, v)."""
        source = self.pyramid(views)
        side = self.config.coarse
        points = cell_centres(side, device=self.device).flatten(0, 2)
        size = len(points) if torch.is_grad_enabled() else LIFT_CHUNK
        parts = [cost_of(source, project_grid(part, cameras)) for part in points.split(size)]
        costs = torch.cat([part.unflatten(0, (len(views), -1)) for part in parts], dim=1)
        volume = rearrange(costs, "b (x y z) c -> b c x y z", x=side, y=side)
        found = self.dense(volume, source.summary, dense_grid(len(self.config.dense.channels)))
        return source, CoarseVolume(found[:, :-1].float(), found[:, -1].float())

    def refine(
        self,
        source: SourceViews,
        cameras: Cameras,
        coarse: CoarseVolume,
        support: Bool[Tensor, "b x y z"],
        *,
        kernel: SparseKernel = SparseKernel.GATHER,
    ) -> Field:
        """Look closer in the cells of `support`."""
        coords = children(support)
        pyramid = build_pyramid(
            coords,
            resolution=self.config.fine,
            num_levels=len(self.config.sparse.channels),
            num_samples=len(support),
            kernel=kernel,
        )
        counts = torch.bincount(coords[:, 0], minlength=len(support)).tolist()
        centres = voxel_centres(coords[:, 1:], self.config.fine)
        costs = self._costs(source, project_lists(list(centres.split(counts)), cameras))
        around = _sample_dense(coarse.features, coords[:, 0], centres)
        feats = self.sparse(
            torch.cat([costs, around.to(costs.dtype)], dim=1),
            source.summary,
            Grid(pyramid.levels, pyramid.steps),
        ).float()
        lookup = torch.full((len(support), *(self.config.fine + 2,) * 3), -1, device=self.device)
        lookup[:, 1:-1, 1:-1, 1:-1][coords.unbind(1)] = torch.arange(len(coords), device=self.device)
        return Field(source, cameras, coarse, FineVolume(F.pad(feats, (0, 1), value=1.0), lookup))

    def reconstruct(
        self, views: Float[Tensor, "b v 4 h w"], cameras: Cameras
    ) -> tuple[Field, Bool[Tensor, "b x y z"]]:
        """The field of views, and the cells near its surface."""
        source, coarse = self.look(views, cameras)
        support = self.support(coarse)
        return self.refine(source, cameras, coarse, support), support

    def support(self, coarse: CoarseVolume) -> Bool[Tensor, "b x y z"]:
        """The cells near the surface, by the dense volume."""
        flat = coarse.near.flatten(1)
        least = flat.topk(min(self.config.most, flat.shape[1]), dim=1).values[:, -1:]
        return (flat >= least.clamp_min(self.config.near)).view_as(coarse.near)

    def features(self, found: Field, points: Float[Tensor, "b n 3"]) -> Float[Tensor, "m c"]:
        """Both volumes' features at points of every sample, sample after sample."""
        flat = points.flatten(0, 1)
        sample = torch.arange(len(points), device=points.device).repeat_interleave(points.shape[1])
        coarse = _sample_dense(found.coarse.features, sample, flat)
        return torch.cat([coarse, _sample_sparse(found.fine, sample, flat)], dim=1)

    def distance(self, found: Field, points: Float[Tensor, "b n 3"]) -> Float[Tensor, "b n"]:
        """Signed distances at points, in metres."""
        # Differences of distances are taken, which half precision would drown in rounding.
        with torch.autocast(points.device.type, enabled=False):
            flat = self.distances(self.features(found, points), points.flatten(0, 1))
        return flat.view(points.shape[:2])

    def gradient(
        self, found: Field, points: Float[Tensor, "b n 3"], *, step: float | None = None
    ) -> Float[Tensor, "b n 3"]:
        """Finite differences of the distance over a tetrahedron of four neighbours (Quilez 2015)."""
        reach = 0.5 / self.config.fine if step is None else step
        corners = points.new_tensor([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]])
        around = rearrange(points[:, :, None] + reach * corners, "b n k c -> b (n k) c")
        values = rearrange(self.distance(found, around), "b (n k) -> b n k", k=4)
        return values @ corners / (4 * reach)

    def colour(
        self, found: Field, points: Float[Tensor, "b n 3"], toward: Float[Tensor, "b n 3"]
    ) -> Float[Tensor, "b n 3"]:
        """sRGB colours at points that are looked at along the unit vectors `toward`."""
        features = self.features(found, points)
        projections = project_lists(list(points), found.cameras)
        flat = self.colours(found.source, projections, features, toward.flatten(0, 1))
        return flat.view(points.shape)

    def _costs(self, source: SourceViews, projections: Projections) -> Float[Tensor, "m d"]:
        count = len(projections.sample)
        size = max(count, 1) if torch.is_grad_enabled() else LIFT_CHUNK
        parts = [cost_of(source, projections[i : i + size]) for i in range(0, max(count, 1), size)]
        return torch.cat(parts)


def _corners(device: torch.device) -> Int[Tensor, "8 3"]:
    return torch.cartesian_prod(*[torch.arange(2, device=device)] * 3)


def _sample_dense(
    volume: Float[Tensor, "b c x y z"], sample: Int[Tensor, " m"], points: Float[Tensor, "m 3"]
) -> Float[Tensor, "m c"]:
    """Trilinear samples of a dense volume; beyond its outermost centres it stays as it is there."""
    side = volume.shape[-1]
    place = ((points + 0.5) * side - 0.5).clamp(0, side - 1)
    low = place.floor().clamp_max(side - 2)
    corner = _corners(points.device)[:, None]
    cell = low.long() + corner
    index = ((sample * side + cell[..., 0]) * side + cell[..., 1]) * side + cell[..., 2]
    weight = (1 - corner - (place - low)).abs().prod(dim=-1)
    rows = rearrange(volume, "b c x y z -> (b x y z) c")
    return weighted_rows(rows, index, weight)


def _sample_sparse(
    volume: FineVolume, sample: Int[Tensor, " m"], points: Float[Tensor, "m 3"]
) -> Float[Tensor, "m c"]:
    """Trilinear samples of the voxels that are there; the others count as zero."""
    padded = volume.lookup.shape[-1]
    side = padded - 2
    place = ((points + 0.5) * side - 0.5).clamp(-1, side)
    low = place.floor().clamp_max(side - 1)
    corner = _corners(points.device)[:, None]
    cell = low.long() + 1 + corner
    flat = ((sample * padded + cell[..., 0]) * padded + cell[..., 1]) * padded + cell[..., 2]
    row = volume.lookup.view(-1)[flat]
    weight = (1 - corner - (place - low)).abs().prod(dim=-1) * (row >= 0)
    if not len(volume.rows):
        return points.new_zeros(len(points), volume.rows.shape[1])
    return weighted_rows(volume.rows, row.clamp_min(0), weight)
