"""What stage 2 learns from: views of objects with their cameras, shells and coloured distances."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float, Float16, Int, UInt8
from PIL import Image
from torch import Tensor

from backend.artifacts import SDF_TRUNCATION
from backend.evaluate.pictures import over
from backend.geometry.cameras import Cameras
from backend.geometry.grids import children
from backend.train.drawn import drawn_views
from backend.train.imperfect import Faults
from backend.train.objects import ObjectSource
from backend.train.pool import Pool
from backend.train.rigs import random_rigs, starter_rigs
from backend.train.scenes import Scenes

VALIDATION_SEED = 0
FROM_NOISE = 0.5
"""Share of the samples that start from noise alone, as those of the presets, which sample in one step."""
DRAWN_SHARE = 0.4
"""Share of the objects with views as stage 1 draws them, where it is at hand."""


@dataclass(frozen=True, slots=True)
class VolumeSample:
    """One object, small enough that thousands fit the memory of a GPU.

    Attributes:
        views: Straight-alpha sRGB.
        sdf: Signed distance, in units of the truncation, on the children of the occupied cells in C order.
    """

    views: UInt8[Tensor, "v 4 h w"]
    world_from_cam: Float[Tensor, "v 4 4"]
    fov: Float[Tensor, " v"]
    occupancy: Bool[Tensor, "x y z"]
    sdf: Float16[Tensor, " n"]
    rgb: UInt8[Tensor, "n 3"]


@dataclass(frozen=True, slots=True)
class VolumeBatch:
    """Several `VolumeSample`s on the device.

    Attributes:
        views: Straight-alpha sRGB in [0, 1].
        coords: Children of the occupied cells, in C order.
        values: Signed distance and colour of the children, in [-1, 1].
    """

    views: Float[Tensor, "b v 4 h w"]
    cameras: Cameras
    occupancy: Bool[Tensor, "b x y z"]
    coords: Int[Tensor, "n 4"]
    values: Float[Tensor, "n 4"]


@runtime_checkable
class VolumeBatches(Protocol):
    """A supply of training samples, deterministic in the step."""

    def batch(self, step: int, size: int) -> list[VolumeSample]:
        """The samples of one step."""
        ...


def volume_samples(scenes: Scenes, cameras: Cameras, views: Float[Tensor, "b v 4 h w"]) -> list[VolumeSample]:
    """Voxelise every scene; `views` are what is seen of it by `cameras`."""
    views = (views * 255).round().byte()
    voxels = scenes.voxels()
    counts = torch.bincount(voxels.coords[:, 0].long(), minlength=len(views)).tolist()
    sdf = (voxels.sdf / SDF_TRUNCATION).half().split(counts)
    rgb = (voxels.rgb * 255).round().byte().split(counts)
    return [
        VolumeSample(
            views[i],
            cameras.world_from_cam[i],
            cameras.fov[i],
            voxels.occupancy[i],
            sdf[i].clone(),
            rgb[i].clone(),
        )
        for i in range(len(views))
    ]


def full_precision(device: torch.device) -> torch.autocast:
    """For data, inside a loss that runs in half precision."""
    return torch.autocast(device.type, enabled=False)


def first_of(batch: VolumeBatch, count: int) -> VolumeBatch:
    """The first samples of a batch."""
    is_kept = batch.coords[:, 0] < count
    return VolumeBatch(
        batch.views[:count],
        batch.cameras[:count],
        batch.occupancy[:count],
        batch.coords[is_kept],
        batch.values[is_kept],
    )


def collate(samples: Sequence[VolumeSample]) -> VolumeBatch:
    """Stack samples and widen their numbers."""
    occupancy = torch.stack([sample.occupancy for sample in samples])
    sdf = torch.cat([sample.sdf for sample in samples]).float()
    rgb = torch.cat([sample.rgb for sample in samples]).float()
    return VolumeBatch(
        torch.stack([sample.views for sample in samples]).float() / 255,
        Cameras(
            torch.stack([sample.world_from_cam for sample in samples]),
            torch.stack([sample.fov for sample in samples]),
        ),
        occupancy,
        children(occupancy),
        torch.cat([sdf[:, None], rgb / 127.5 - 1], dim=1),
    )


def add_volume_arguments(parser: argparse.ArgumentParser) -> None:
    """Options about the supply of samples."""
    parser.add_argument("--group", type=int, default=64, help="objects made at once")
    parser.add_argument("--groups", type=int, default=24, help="groups kept for replay")
    parser.add_argument("--reuse", type=float, default=6.0, help="times that a sample is used on average")
    parser.add_argument("--objects", type=int, default=32, help="validation objects")
    parser.add_argument(
        "--clean", type=float, default=Faults().clean, help="share of samples with perfect views"
    )
    parser.add_argument(
        "--from-noise", type=float, default=FROM_NOISE, help="share of samples that start from noise alone"
    )
    parser.add_argument(
        "--drawn",
        type=Path,
        metavar="FOLDER",
        help="weights of stage 1, to learn from the views that it draws",
    )
    parser.add_argument(
        "--drawn-share", type=float, default=DRAWN_SHARE, help="share of the objects that have such views"
    )


def training_pool(args: argparse.Namespace, image_px: int) -> Pool[VolumeSample]:
    """Fresh training objects, each used about `--reuse` times, seen by random rigs or drawn by stage 1."""
    source = ObjectSource(args.pack, split="train", device=args.device)
    draw = None if args.drawn is None else drawn_views(args.drawn, image_px, device=args.device)

    def make(group: int) -> list[VolumeSample]:
        seed = args.seed * 1_000_003 + group
        scenes = source.scenes(args.group, seed=seed)
        rigs = random_rigs(args.group, torch.Generator().manual_seed(seed), source.device)
        if draw is None:
            return volume_samples(scenes, rigs, scenes.render(rigs, image_px))
        count = round(args.group * args.drawn_share)
        first = starter_rigs(count, source.device)
        rigs = Cameras(
            torch.cat([first.world_from_cam, rigs.world_from_cam[count:]]),
            torch.cat([first.fov, rigs.fov[count:]]),
        )
        views = scenes.render(rigs, image_px)
        views[:count] = draw(scenes, count, seed)
        return volume_samples(scenes, rigs, views)

    steps = max(1, round(args.group * args.reuse / args.batch))
    return Pool(make, groups=args.groups, steps_per_group=steps, seed=args.seed)


def validation_samples(args: argparse.Namespace, image_px: int) -> dict[str, list[VolumeSample]]:
    """Unseen objects as the starter rig sees them, and with `--drawn` as stage 1 draws them."""
    source = ObjectSource(args.pack, split="val", device=args.device)
    scenes = source.scenes(args.objects, seed=VALIDATION_SEED)
    rigs = starter_rigs(args.objects, source.device)
    samples = {"": volume_samples(scenes, rigs, scenes.render(rigs, image_px))}
    if args.drawn is not None:
        draw = drawn_views(args.drawn, image_px, device=args.device)
        samples["drawn_"] = volume_samples(scenes, rigs, draw(scenes, len(scenes), VALIDATION_SEED))
    return samples


def shell_scores(
    ours: Bool[Tensor, "b x y z"], true: Bool[Tensor, "b x y z"]
) -> dict[str, Float[Tensor, " b"]]:
    """Intersection over union, and the shares of cells that have one of the other within one cell."""
    both = (ours & true).flatten(1).sum(1)
    either = (ours | true).flatten(1).sum(1)
    found = (dilated(ours) & true).flatten(1).sum(1) / true.flatten(1).sum(1).clamp_min(1)
    right = (ours & dilated(true)).flatten(1).sum(1) / ours.flatten(1).sum(1).clamp_min(1)
    return {"iou": both / either.clamp_min(1), "found": found, "right": right}


def dilated(occupancy: Bool[Tensor, "b x y z"]) -> Bool[Tensor, "b x y z"]:
    """With all 26 neighbours of every cell."""
    return F.max_pool3d(occupancy[:, None].float(), 3, stride=1, padding=1)[:, 0] > 0


def look_at_shell(occupancy: Bool[Tensor, "x y z"]) -> Float[Tensor, "4 h w"]:
    """A picture from the front, nearer cells brighter."""
    seen = rearrange(occupancy, "x y z -> y z x").flip(1)
    depth = seen.float().argmax(dim=0) / len(seen)
    grey = (1 - 0.85 * depth).clamp(0, 1).expand(3, -1, -1)
    return torch.cat([grey, seen.any(dim=0)[None].float()])


def look_at_colours(
    coords: Int[Tensor, "n 3"], values: Float[Tensor, "n 4"], *, resolution: int, side: bool = False
) -> Float[Tensor, "4 h w"]:
    """A picture of the voxels on or below the surface, from the front or from azimuth 90 degrees."""
    volume = torch.zeros(4, resolution, resolution, resolution, device=values.device)
    kept = values[:, 0] < 0.5 / (SDF_TRUNCATION * resolution)
    x, y, z = coords[kept].long().unbind(1)
    volume[:3, x, y, z] = (values[kept, 1:].T + 1) / 2
    volume[3, x, y, z] = 1
    pattern = "c x y z -> x c z y" if side else "c x y z -> y c z x"
    layers = rearrange(volume, pattern).flip(2)
    if side:
        layers = layers.flip(0)
    first = layers[:, 3].argmax(dim=0)
    return layers.gather(0, first.expand(1, 4, -1, -1))[0]


def sheet_of(rows: Sequence[Sequence[Float[Tensor, "4 _ _"]]], *, size: int = 128) -> Image.Image:
    """Rows of square pictures over grey, brought to one size, as one 8-bit picture."""

    def tile(picture: Tensor) -> Tensor:
        return F.interpolate(over(picture.float().cpu())[None], (size, size))[0]

    sheet = torch.cat([torch.cat([tile(picture) for picture in row], dim=2) for row in rows], dim=1)
    return Image.fromarray((rearrange(sheet, "c h w -> h w c").clamp(0, 1) * 255).round().byte().numpy())
