"""The shape of One-2-3-45: signed distance and colour near the surface, straight from posed views."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.artifacts import SparseShape
from backend.errors import ArtifactError, ConfigError, OnStep, ignore_steps
from backend.geometry.cameras import Cameras
from backend.geometry.grids import cell_centres, voxel_centres
from backend.models.neural_sdf import Field, NeuralSdf
from backend.models.precision import half_precision

TRUNCATION_VOXELS = 3.0
KEPT_VOXELS = 1.5
"""Voxels are kept that are nearer to the surface than this, in their own sides."""
CHILD_OFFSET = 3**0.5 / 2
"""From the middle of a voxel of half the resolution to that of its children, in the children's sides."""
CHUNK, COLOUR_CHUNK = 2**16, 2**13
"""Points that the networks are asked about at once."""
NUM_STEPS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class NeuralSdfSampling:
    """How finely a field is looked at.

    Attributes:
        resolution: Voxels along a side of the shape; the triangles follow from it.
    """

    resolution: int = 256

    def __post_init__(self) -> None:
        if self.resolution % 2 or not 8 <= self.resolution <= 256:
            raise ConfigError(f"the resolution must be even and 8 to 256, got {self.resolution}")


def reconstruct_shape(
    views: Float[Tensor, "v 4 h w"],
    cameras: Cameras,
    net: NeuralSdf,
    *,
    config: NeuralSdfSampling,
    on_step: OnStep = ignore_steps,
) -> SparseShape:
    """Find the surface that the views show, on the CPU; nothing is drawn at random.

    Half the resolution is looked at wherever the network expects a surface, the full one only beside it.

    Raises:
        ArtifactError: when the network finds no surface.
    """
    device = net.device
    with torch.inference_mode():
        batch = Cameras(cameras.world_from_cam[None], cameras.fov[None]).to(device)
        with half_precision(device):
            source, coarse = net.look(views[None].to(device), batch)
            on_step(1, NUM_STEPS)
            support = net.support(coarse)
            found = net.refine(source, batch, coarse, support)
        on_step(2, NUM_STEPS)
        half = config.resolution // 2
        parents = _cells_within(support[0], half)
        centres = voxel_centres(parents, half)
        near = _distances(net, found, centres).abs() < (KEPT_VOXELS + CHILD_OFFSET) / config.resolution
        parents, centres = parents[near], centres[near]
        coords = _children(parents)
        sdf = _distances(net, found, voxel_centres(coords, config.resolution))
        if not bool((sdf < 0).any()):
            raise ArtifactError(
                "The views show no closed surface; draw them again with another seed or picture"
            )
        on_step(3, NUM_STEPS)
        rgb = _colours(net, found, centres).repeat_interleave(8, dim=0)
        on_step(NUM_STEPS, NUM_STEPS)
    return _sorted_shape(coords, sdf, rgb, config.resolution)


def _cells_within(support: Bool[Tensor, "x y z"], resolution: int) -> Int[Tensor, "n 3"]:
    """Cells of another grid whose centres lie in cells of `support`."""
    cell = ((cell_centres(resolution, device=support.device) + 0.5) * len(support)).long()
    return support[cell.unbind(dim=-1)].nonzero()


def _children(parents: Int[Tensor, "n 3"]) -> Int[Tensor, "m 3"]:
    """The eight voxels of twice the resolution of each, parent after parent."""
    corners = torch.cartesian_prod(*[torch.arange(2, device=parents.device)] * 3)
    return (2 * parents[:, None] + corners).flatten(0, 1)


def _distances(net: NeuralSdf, found: Field, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
    return torch.cat([net.distance(found, part[None])[0] for part in points.split(CHUNK)])


def _colours(net: NeuralSdf, found: Field, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    """Colours of the surface next to points, looked at against its normal."""
    parts = []
    for part in points.split(COLOUR_CHUNK):
        normal = F.normalize(net.gradient(found, part[None]), dim=2)
        surface = part - net.distance(found, part[None])[..., None] * normal
        with half_precision(points.device):
            parts.append(net.colour(found, surface, -normal)[0].float())
    return torch.cat(parts)


def _sorted_shape(
    coords: Int[Tensor, "n 3"], sdf: Float[Tensor, " n"], rgb: Float[Tensor, "n 3"], resolution: int
) -> SparseShape:
    """A shape's rows in C order, on the CPU."""
    coords, sdf, rgb = coords.cpu(), sdf.cpu(), rgb.cpu()
    truncation = TRUNCATION_VOXELS / resolution
    order = ((coords[:, 0] * resolution + coords[:, 1]) * resolution + coords[:, 2]).argsort()
    return SparseShape(
        coords=coords[order],
        sdf=sdf[order].clamp(-truncation, truncation),
        rgb=rgb[order].clamp(0, 1),
        resolution=resolution,
        truncation=truncation,
    )
