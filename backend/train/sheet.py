"""A picture of what the networks are fed: `python -m backend.train sheet`.

A row an object: input picture, six views, the shell's cells and the coloured voxels of the surface, both
drawn from the first view's camera.
"""

import argparse
import logging
from pathlib import Path

import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from backend.artifacts import COARSE, FINE
from backend.geometry.cameras import Cameras
from backend.geometry.grids import voxel_centres
from backend.train.objects import ObjectSource
from backend.train.rigs import starter_rigs
from backend.train.scenes import Scenes, input_pictures
from backend.train.voxels import Voxels

log = logging.getLogger(__name__)

GREY = 0.5


def data_sheet(scenes: Scenes, generator: torch.Generator, size: int) -> Image.Image:
    """The sheet of a batch; `generator` is a CPU one."""
    cameras = starter_rigs(len(scenes), scenes.device)
    pictures = input_pictures(scenes, generator, size)[0][:, None]
    views = scenes.render(cameras, size)
    voxels = scenes.voxels()
    first = [cameras[index][:1] for index in range(len(scenes))]
    drawn = torch.stack([_drawings(voxels, index, first[index], size) for index in range(len(scenes))])
    rows = torch.cat([pictures, views, drawn], dim=1).cpu()
    opaque = rows[:, :, :3] * rows[:, :, 3:] + GREY * (1 - rows[:, :, 3:])
    pixels = rearrange(opaque, "b v c h w -> (b h) (v w) c")
    return Image.fromarray((pixels * 255).round().byte().numpy())


def _drawings(voxels: Voxels, scene: int, camera: Cameras, size: int) -> Float[Tensor, "v 4 h w"]:
    """The shell, shaded by depth, and the voxels inside the surface in their colours."""
    cells = voxels.occupancy[scene].nonzero()
    centres = voxel_centres(cells, COARSE)
    depth = camera.project(centres[None])[1][0]
    grey = ((depth.max() - depth) / (depth.max() - depth.min()).clamp_min(1e-6)) * 0.8 + 0.2
    shell = splat(centres, grey[:, None].expand(-1, 3), camera, size, cell=1 / COARSE)
    is_own = (voxels.coords[:, 0] == scene) & (voxels.sdf < 0)
    points = voxel_centres(voxels.coords[is_own, 1:], FINE)
    surface = splat(points, voxels.rgb[is_own], camera, size, cell=1 / FINE)
    return torch.stack([shell, surface])


def splat(
    points: Float[Tensor, "n 3"], rgb: Float[Tensor, "n 3"], camera: Cameras, size: int, *, cell: float
) -> Float[Tensor, "4 h w"]:
    """Draw cells as squares of their size, the nearest on top; `camera` is a batch of one."""
    uv, depth = (values[0] for values in camera.project(points[None]))
    width = float(cell * size / (2 * torch.tan(camera.fov / 2) * depth.min()))
    reach = max(0, round(width / 2))
    order = depth.argsort(descending=True, stable=True)
    steps = torch.arange(-reach, reach + 1, device=points.device)
    offsets = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), dim=-1).reshape(-1, 2)
    pixel = (uv[order] * size).long()[:, None] + offsets
    row = torch.arange(len(points), device=points.device)[:, None].expand(-1, len(offsets))
    is_seen = ((pixel >= 0) & (pixel < size)).all(dim=2)
    flat = (pixel[..., 1] * size + pixel[..., 0])[is_seen]
    top = torch.full((size * size,), -1, device=points.device).scatter_reduce(0, flat, row[is_seen], "amax")
    colour = torch.cat([rgb[order], torch.ones_like(rgb[:, :1])], dim=1)[top.clamp_min(0)]
    return rearrange(colour * (top >= 0)[:, None], "(h w) c -> c h w", h=size)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("pack", type=Path, help="data file made by `pack`")
    parser.add_argument("-o", "--out", type=Path, required=True, help="PNG to write")
    parser.add_argument("--count", type=int, default=8, help="objects")
    parser.add_argument("--split", choices=("train", "val"), default="train")
    parser.add_argument("--size", type=int, default=128, help="side of a picture in pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")


def run(args: argparse.Namespace) -> int:
    """Draw a batch of objects as the networks see them."""
    source = ObjectSource(args.pack, split=args.split, device=args.device)
    scenes = source.scenes(args.count, seed=args.seed)
    data_sheet(scenes, torch.Generator().manual_seed(args.seed), args.size).save(args.out)
    log.info("wrote %s", args.out)
    return 0
