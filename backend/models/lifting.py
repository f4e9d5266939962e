"""Points of a volume seen by several cameras: where they project to, and features sampled there."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from backend.geometry.cameras import UNIT_RADIUS, Cameras

GEOMETRY_CHANNELS = 5


@dataclass(frozen=True, slots=True)
class Projections:
    """Points of a batch of samples as each of their sample's views sees them.

    Attributes:
        sample: The sample that a point belongs to.
        uv: Picture coordinates; far outside [0, 1] for points behind the camera.
        geometry: Unit direction from the camera, depth behind the world's origin in units of the object's
            radius, and whether the point is in the frame.
    """

    sample: Int[Tensor, " n"]
    uv: Float[Tensor, "n v 2"]
    geometry: Float[Tensor, "n v 5"]

    def __getitem__(self, part: slice) -> "Projections":
        """Some of the points."""
        return Projections(self.sample[part], self.uv[part], self.geometry[part])


def project_grid(points: Float[Tensor, "n 3"], cameras: Cameras) -> Projections:
    """The same points for every sample of a batch of cameras (b, v), sample after sample."""
    num_samples = len(cameras.fov)
    uv, geometry = _seen(points, cameras)
    sample = torch.arange(num_samples, device=points.device).repeat_interleave(len(points))
    return Projections(
        sample, rearrange(uv, "b v n k -> (b n) v k"), rearrange(geometry, "b v n k -> (b n) v k")
    )


def project_lists(points: list[Float[Tensor, "_ 3"]], cameras: Cameras) -> Projections:
    """Each sample's own list of points, sample after sample."""
    parts = [project_grid(own, cameras[i : i + 1]) for i, own in enumerate(points)]
    counts = torch.tensor([len(own) for own in points], device=cameras.fov.device)
    sample = torch.arange(len(points), device=cameras.fov.device).repeat_interleave(counts)
    return Projections(
        sample, torch.cat([part.uv for part in parts]), torch.cat([part.geometry for part in parts])
    )


def _seen(
    points: Float[Tensor, "n 3"], cameras: Cameras
) -> tuple[Float[Tensor, "b v n 2"], Float[Tensor, "b v n 5"]]:
    everywhere = points.expand(*cameras.fov.shape, -1, -1)
    uv, depth = _projected(everywhere, cameras)
    toward = F.normalize(everywhere - cameras.position[..., None, :], dim=-1)
    centre = cameras.position.norm(dim=-1)[..., None]
    is_inside = ((uv >= 0) & (uv <= 1)).all(dim=-1)
    numbers = torch.stack([(depth - centre) / UNIT_RADIUS, is_inside.to(depth.dtype)], dim=-1)
    return uv, torch.cat([toward, numbers], dim=-1)


def _projected(
    points: Float[Tensor, "b v n 3"], cameras: Cameras
) -> tuple[Float[Tensor, "b v n 2"], Float[Tensor, "b v n"]]:
    """Picture coordinates, far outside for points behind the camera, and depth."""
    # In half precision a projection misses by a good part of a pixel.
    with torch.autocast(points.device.type, enabled=False):
        uv, depth = cameras.project(points)
    return torch.where(depth[..., None] > 0, uv.clamp(-9, 9), torch.full_like(uv, 9.0)), depth


def sample_pixels(
    pictures: Float[Tensor, "b v c h w"], points: Float[Tensor, "n 3"], cameras: Cameras
) -> Float[Tensor, "b v c n"]:
    """Bilinear samples of pictures at points that all samples share; zero outside; no gradient."""
    with torch.no_grad():
        uv, _ = _projected(points.expand(*cameras.fov.shape, -1, -1), cameras)
        grid = (2 * uv - 1).to(pictures.dtype).flatten(0, 1)[:, :, None]
        sampled = F.grid_sample(pictures.flatten(0, 1), grid, padding_mode="zeros", align_corners=False)
    return sampled[..., 0].unflatten(0, pictures.shape[:2])


def sample_maps(maps: Float[Tensor, "b v h w c"], projections: Projections) -> Float[Tensor, "n v c"]:
    """Bilinear samples of every view's feature map at its projections; zero outside the frame."""
    _, num_views, height, width, _ = maps.shape
    size = torch.tensor([width, height], device=maps.device, dtype=projections.uv.dtype)
    corner = projections.uv * size - 0.5
    low = corner.floor()
    fraction = corner - low
    view = torch.arange(num_views, device=maps.device)
    picture = (projections.sample[:, None] * num_views + view).int() * (height * width)
    index, weight = [], []
    for down in (0, 1):
        for right in (0, 1):
            x, y = low[..., 0].int() + right, low[..., 1].int() + down
            is_inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            share = (fraction[..., 0] if right else 1 - fraction[..., 0]) * (
                fraction[..., 1] if down else 1 - fraction[..., 1]
            )
            index.append((picture + y.clamp(0, height - 1) * width + x.clamp(0, width - 1)).flatten())
            weight.append(torch.where(is_inside, share, torch.zeros_like(share)).flatten())
    rows = maps.flatten(0, 3)
    sampled = weighted_rows(rows, torch.stack(index), torch.stack(weight))
    return sampled.view(*projections.uv.shape[:2], maps.shape[-1])


def weighted_rows(
    rows: Float[Tensor, "m c"], index: Int[Tensor, "k n"], weight: Float[Tensor, "k n"]
) -> Float[Tensor, "n c"]:
    """Sums of `k` weighted rows each, in the rows' precision."""
    return _WeightedRows.apply(rows, index, weight)


class _WeightedRows(torch.autograd.Function):
    """Sums of weighted rows; the gradient is summed in float32 whatever the precision of the rows."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx, rows: Tensor, index: Tensor, weight: Tensor
    ) -> Tensor:
        ctx.save_for_backward(index, weight)
        ctx.shape, ctx.dtype = rows.shape, rows.dtype  # pyright: ignore[reportAttributeAccessIssue]
        total = rows.new_zeros(index.shape[1], rows.shape[1])
        for taps, share in zip(index, weight.to(rows.dtype), strict=True):
            total.addcmul_(rows.index_select(0, taps), share[:, None])
        return total

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - torch types it as taking anything
        ctx: torch.autograd.function.BackwardCFunction, grad: Tensor
    ) -> tuple[Tensor, None, None]:
        index, weight = ctx.saved_tensors  # pyright: ignore[reportAssignmentType] - as many as were saved
        shape, dtype = ctx.shape, ctx.dtype  # pyright: ignore[reportAttributeAccessIssue]
        wide = torch.promote_types(dtype, torch.float32)
        total = torch.zeros(shape, dtype=wide, device=grad.device)
        for taps, share in zip(index, weight.to(wide), strict=True):
            total.index_add_(0, taps, grad.to(wide) * share[:, None])
        return total.to(dtype), None, None
