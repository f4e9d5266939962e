"""What stage 2 learns from: views of objects with their cameras, shells and coloured distances."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
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
from backend.train.imperfect import Faults
from backend.train.objects import ObjectSource
from backend.train.pool import Pool
from backend.train.rigs import random_rigs, starter_rigs
from backend.train.scenes import Scenes

VALIDATION_SEED = 0
FROM_NOISE = 0.5
"""Share of the samples that start from noise alone, as those of the presets, which sample in one step."""


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


def volume_samples(scenes: Scenes, cameras: Cameras, image_px: int) -> list[VolumeSample]:
    """Render and voxelise every scene."""
    views = (scenes.render(cameras, image_px) * 255).round().byte()
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


def training_pool(args: argparse.Namespace, image_px: int) -> Pool[VolumeSample]:
    """Fresh training objects seen by random rigs, each used about `--reuse` times."""
    source = ObjectSource(args.pack, split="train", device=args.device)

    def make(group: int) -> list[VolumeSample]:
        seed = args.seed * 1_000_003 + group
        rigs = random_rigs(args.group, torch.Generator().manual_seed(seed), source.device)
        return volume_samples(source.scenes(args.group, seed=seed), rigs, image_px)

    steps = max(1, round(args.group * args.reuse / args.batch))
    return Pool(make, groups=args.groups, steps_per_group=steps, seed=args.seed)


def validation_samples(args: argparse.Namespace, image_px: int) -> list[VolumeSample]:
    """Unseen objects as the starter rig sees them."""
    source = ObjectSource(args.pack, split="val", device=args.device)
    scenes = source.scenes(args.objects, seed=VALIDATION_SEED)
    return volume_samples(scenes, starter_rigs(args.objects, source.device), image_px)


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
