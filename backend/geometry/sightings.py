"""Which points of a surface the six views show, with what colour and how well."""

from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from backend.geometry.cameras import Cameras
from backend.geometry.meshes import Mesh
from backend.geometry.raycast import Bvh, Hits

MIN_ALPHA = 0.98
"""Pixels with less hold some background."""

EDGE_PX = 1
"""Pixels this near to an outline or to a step in depth mix two surfaces and are left out."""

MAX_DEPTH_STEP = 0.04
"""Largest difference in depth, in metres, between neighbouring pixels of one surface."""

MIN_COSINE = 0.15
"""Least cosine between normal and direction to the camera of a surface whose colour counts."""

SLACK = 4e-3
"""Metres before a point that do not hide it: less than a voxel, more than float32's error."""

OUTLINE_PX = 64
"""Side of the pictures in which outlines are compared."""


@dataclass(frozen=True, slots=True)
class Sightings:
    """Points seen by pixels of the views; `n` over all views.

    Attributes:
        points: World positions.
        normals: Smooth unit normals there.
        directions: Unit vectors to the camera.
        colours: sRGB, in [0, 1].
        weights: In [0, 1]; near 1 for the view that looks at a point most squarely.
    """

    points: Float[Tensor, "n 3"]
    normals: Float[Tensor, "n 3"]
    directions: Float[Tensor, "n 3"]
    colours: Float[Tensor, "n 3"]
    weights: Float[Tensor, " n"]


def joined(first: Sightings, second: Sightings) -> Sightings:
    """Both together."""
    columns = (
        torch.cat([getattr(item, column.name) for item in (first, second)]) for column in fields(Sightings)
    )
    return Sightings(*columns)


class Observer:
    """A mesh and the pictures of it, on one device, ready to tell what is seen where.

    Attributes:
        hits: For each view, where the rays through its pixels meet the mesh, row by row.
        usable: Pixels that show one surface, away from outlines and steps in depth.
    """

    def __init__(
        self,
        bvh: Bvh,
        normals: Float[Tensor, "m 3"],
        views: Float[Tensor, "v 4 h w"],
        cameras: Cameras,
    ) -> None:
        self.bvh, self.normals = bvh, normals
        self.views, self.cameras = views.to(bvh.device), cameras.to(bvh.device)
        self.hits = [self._cast(view) for view in range(len(views))]
        self.usable = torch.stack([self._usable_pixels(view) for view in range(len(views))])

    @property
    def pixel(self) -> float:
        """Side, in metres, of what a pixel sees at the world's origin; a mean over the views."""
        width = 2 * torch.tan(self.cameras.fov / 2) * self.cameras.position.norm(dim=-1)
        return float(width.mean()) / self.views.shape[-1]

    def sightings(self, *, sharpness: float) -> Sightings:
        """A point for every usable pixel.

        A pixel weighs (its cosine / the best cosine of all views at its point) ** `sharpness`, so that
        where views disagree the one that looks squarely wins and no point is left without any.
        """
        parts = [self._of_view(view) for view in range(len(self.views))]
        points, normals, directions, colours = (
            torch.cat(list(column)) for column in zip(*parts, strict=True)
        )
        cosine = (normals * directions).sum(dim=1).clamp_min(MIN_COSINE)
        best = torch.maximum(self.best_cosine(points, normals), cosine)
        return Sightings(points, normals, directions, colours, (cosine / best) ** sharpness)

    def best_cosine(self, points: Float[Tensor, "n 3"], normals: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """Largest cosine between normal and direction to a camera that sees the point; 0 where none does."""
        best = torch.zeros(len(points), device=points.device)
        for view in range(len(self.views)):
            camera = self.cameras[view]
            to_eye = F.normalize(camera.position - points, dim=1)
            cosine = (normals * to_eye).sum(dim=1)
            uv, depth = camera.project(points)
            usable = self.usable[view][None, None].float()
            inside = F.grid_sample(usable, (uv * 2 - 1)[None, None], mode="nearest", align_corners=False)[
                0, 0, 0
            ]
            maybe = ((cosine > best) & (depth > 0) & (inside > 0.5)).nonzero()[:, 0]
            seen = self.bvh.is_visible(points[maybe], camera.position.expand(len(maybe), 3), slack=SLACK)
            best[maybe] = torch.where(seen, cosine[maybe], best[maybe])
        return best

    def _cast(self, view: int) -> Hits:
        origins, directions = self.cameras[view].rays(self.views.shape[-1])
        return self.bvh.cast(origins.reshape(-1, 3), directions.reshape(-1, 3))

    def _usable_pixels(self, view: int) -> Bool[Tensor, "h w"]:
        size = self.views.shape[-1]
        depth = rearrange(self.hits[view].distance, "(h w) -> 1 1 h w", h=size)
        solid = torch.isfinite(depth) & (self.views[view, 3] >= MIN_ALPHA)
        window = 2 * EDGE_PX + 1
        inner = -F.max_pool2d(-solid.float(), window, 1, EDGE_PX)
        depth = torch.where(torch.isfinite(depth), depth, 0.0)
        step = F.max_pool2d(depth, window, 1, EDGE_PX) + F.max_pool2d(-depth, window, 1, EDGE_PX)
        return ((inner > 0.5) & (step < MAX_DEPTH_STEP))[0, 0]

    def _of_view(self, view: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Points, normals, directions and colours of a view's usable pixels."""
        hits, camera = self.hits[view], self.cameras[view]
        points = self.bvh.positions(hits)
        normals = F.normalize(self.bvh.interpolate(self.normals, hits), dim=1)
        directions = F.normalize(camera.position - points, dim=1)
        squarely = (normals * directions).sum(dim=1) > MIN_COSINE
        keep = (self.usable[view].reshape(-1) & squarely).nonzero()[:, 0]
        colours = rearrange(self.views[view, :3], "c h w -> (h w) c")
        return points[keep], normals[keep], directions[keep], colours[keep]


def silhouette_agreement(
    mesh: Mesh, views: Float[Tensor, "v 4 h w"], cameras: Cameras, *, device: torch.device | str = "cpu"
) -> float:
    """Intersection over union of the mesh's outlines and those of the views, over all views together.

    Views without any transparency have no outline to compare with; the agreement is then 1.
    """
    small = F.interpolate(views[:, 3:].cpu().float(), (OUTLINE_PX,) * 2, mode="area")[:, 0] > 0.5
    if bool(small.all()):
        return 1.0
    bvh = Bvh(mesh.vertices, mesh.faces, device=device)
    origins, directions = cameras.to(bvh.device).rays(OUTLINE_PX)
    hits = bvh.cast(origins.reshape(-1, 3), directions.reshape(-1, 3))
    ours = hits.is_hit.reshape(small.shape).cpu()
    return float((ours & small).sum() / (ours | small).sum().clamp_min(1))
