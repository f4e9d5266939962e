"""The support of stage 2b as stage 2a finds it: some cells missing, some beside the shell too many."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.artifacts import FINE, SDF_TRUNCATION
from backend.geometry.grids import children
from backend.models.sparse import SparseLevel
from backend.train.volumes import dilated


@dataclass(frozen=True, kw_only=True, slots=True)
class SupportFaults:
    """How imperfect the occupied cells are; each sample draws its own share below these.

    Attributes:
        clean: Share of samples whose cells are all right.
        lost: Largest share of occupied cells that are missing.
        added: Largest share of the neighbours of occupied cells that are added.
    """

    clean: float = 0.3
    lost: float = 0.05
    added: float = 0.25


def rough_support(
    occupancy: Bool[Tensor, "b x y z"], faults: SupportFaults, generator: torch.Generator
) -> Bool[Tensor, "b x y z"]:
    """Occupied cells with faults drawn for each sample from `generator`, which is on their device."""
    device = occupancy.device

    def uniform(*shape: int) -> Tensor:
        return torch.rand(len(occupancy), *shape, generator=generator, device=device)

    is_spoilt = uniform(1, 1, 1) >= faults.clean
    is_lost = uniform(*occupancy.shape[1:]) < faults.lost * uniform(1, 1, 1) * is_spoilt
    is_added = uniform(*occupancy.shape[1:]) < faults.added * uniform(1, 1, 1) * is_spoilt
    return (occupancy & ~is_lost) | (dilated(occupancy) & ~occupancy & is_added)


def known_values(
    occupancy: Bool[Tensor, "b x y z"], values: Float[Tensor, "n c"], support: Bool[Tensor, "b x y z"]
) -> tuple[Int[Tensor, "m 4"], Float[Tensor, "m c"], Bool[Tensor, " m"]]:
    """Children of `support` with the values known on the children of `occupancy`, and which are known."""
    size = 2 * occupancy.shape[1]
    row = torch.full((len(occupancy), size, size, size), len(values), device=values.device)
    row[tuple(children(occupancy).unbind(1))] = torch.arange(len(values), device=values.device)
    coords = children(support)
    chosen = row[tuple(coords.unbind(1))]
    padded = torch.cat([values, values.new_zeros(1, values.shape[1])])
    return coords, padded[chosen], chosen < len(values)


def spread_values(
    level: SparseLevel, values: Float[Tensor, "n 4"], is_known: Bool[Tensor, " n"], *, passes: int = 3
) -> Float[Tensor, "n 4"]:
    """Signed distance (in units of the truncation) and colour on the voxels where they are not known.

    A voxel is as far from the surface as its best neighbour plus the way to it, has that neighbour's colour
    and lies on the side where most neighbours do; what no known voxel is near to is outside.
    """
    way = _ways(values.device) / (FINE * SDF_TRUNCATION)
    index = level.neighbours.long()
    found = torch.where(is_known[:, None], values, values.new_tensor([1.0, 0, 0, 0]))
    signed = torch.where(is_known, values[:, 0], torch.zeros_like(values[:, 0]))
    distance = torch.where(is_known, signed.abs(), torch.full_like(signed, torch.inf))
    for _ in range(passes):
        best, which = (_padded(distance, torch.inf)[index] + way).min(dim=1)
        source = index.gather(1, which[:, None])[:, 0].clamp(max=len(values) - 1)
        # All neighbours vote on the side: the nearest one may lie just across the surface.
        side = torch.where((_padded(signed, 0.0)[index] / way.clamp_min(way[4])).sum(dim=1) < 0, -1.0, 1.0)
        is_new = ~is_known & torch.isfinite(best)
        distance = torch.where(is_new, best, distance)
        signed = torch.where(is_new, side * best.clamp(max=1), signed)
        spread = torch.cat([signed[:, None], found[source, 1:]], dim=1)
        found = torch.where(is_new[:, None], spread, found)
    return found


def _ways(device: torch.device) -> Float[Tensor, " 27"]:
    """Lengths of the steps to the neighbours, in voxels."""
    axis = torch.tensor([-1.0, 0.0, 1.0], device=device)
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1).norm(dim=-1).flatten()


def _padded(values: Float[Tensor, " n"], last: float) -> Float[Tensor, " n1"]:
    return torch.cat([values, values.new_full((1,), last)])
