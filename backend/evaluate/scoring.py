"""All scores of one result beside its true object (peers.md 6.1)."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from backend.evaluate.inside import inside_cells
from backend.evaluate.metrics import iou, surface_scores
from backend.evaluate.pictures import other_cameras, picture_scores
from backend.evaluate.surface import NUM_SAMPLES, is_watertight, num_shells, sample_surface
from backend.geometry.cameras import ViewRig
from backend.geometry.meshes import Mesh, TexturedMesh
from backend.geometry.placement import unit_box
from backend.geometry.render import render

VOLUME_RESOLUTION = 128
"""Cells along a side of the grid that volumes are compared on."""
OTHER_PX = 256
"""Side of the pictures from the twelve cameras of no rig."""

IS_BETTER_LOW = ("chamfer",)

Scores = dict[str, float | None]


def geometry_scores(ours: Mesh | TexturedMesh, true: TexturedMesh, *, device: torch.device) -> Scores:
    """F-scores, Chamfer distance, normals and volume, each mesh in its unit box; the poses agree already."""
    samples, volumes = [], []
    for mesh in (ours, true):
        place = unit_box(mesh.vertices, mesh.faces)
        vertices = place(mesh.vertices.astype(np.float64))
        samples.append(sample_surface(vertices, mesh.faces, count=NUM_SAMPLES))
        volumes.append(inside_cells(vertices, mesh.faces, resolution=VOLUME_RESOLUTION, device=device))
    return {
        **surface_scores(samples[0], samples[1]),
        "volume_iou": iou(volumes[0], volumes[1]),
        "watertight": float(is_watertight(ours.vertices, ours.faces)),
        "shells": float(num_shells(ours.vertices, ours.faces)),
        "faces": float(len(ours.faces)),
    }


def colour_scores(
    ours: Mesh | TexturedMesh,
    true: TexturedMesh,
    *,
    true_views: Float[Tensor, "v 4 h w"],
    rig: ViewRig,
    device: torch.device,
) -> Scores:
    """Unlit pictures of the result from the rig's six cameras and from twelve others."""
    six = render(ours, rig.cameras(), size=rig.tile_px, device=device).cpu()
    ours_others, true_others = (
        render(mesh, other_cameras(), size=OTHER_PX, device=device).cpu() for mesh in (ours, true)
    )
    return _named("six", picture_scores(six, true_views)) | _named(
        "others", picture_scores(ours_others, true_others)
    )


def view_scores(made: Float[Tensor, "v 4 h w"], true_views: Float[Tensor, "v 4 h w"]) -> Scores:
    """The six views of stage 1 beside the true ones."""
    return _named("views", picture_scores(made, true_views))


def _named(prefix: str, scores: Scores) -> Scores:
    return {f"{prefix}_{name}": value for name, value in scores.items()}
