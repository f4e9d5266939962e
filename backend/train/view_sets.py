"""What the neural distance field learns from: 32 views around an object, its shell, and views to predict."""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from backend.geometry.anchors import STARTER_LAYOUT, ZERO123_LAYOUT, Directions
from backend.geometry.cameras import UNIT_RADIUS, Cameras, orbit_cameras
from backend.train.objects import ObjectSource
from backend.train.pool import Pool
from backend.train.rigs import INPUT_ELEVATION_DEG
from backend.train.scenes import Scenes
from backend.train.volumes import VALIDATION_SEED, VolumeBatch, VolumeSample, collate, volume_samples

STARTER_SHARE = 0.5
"""Share of sets with exactly the starter layout's lens and distance; the others lie around Zero123's too."""
TARGET_ELEVATION_DEG = (-40.0, 70.0)
VALIDATION_ELEVATIONS_DEG = (20.0, 0.0, 30.0, -10.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class PoseFaults:
    """How far the views are off the cameras that they are said to be from; standard deviations in degrees.

    Attributes:
        clean: Share of sets without any.
        each: Of every view by itself, in azimuth and in elevation.
        tilt: Of the elevation of the whole set.
    """

    clean: float = 0.3
    each: float = 1.0
    tilt: float = 3.0


@dataclass(frozen=True, slots=True)
class SetSample:
    """One object with its source views, and views to predict.

    Attributes:
        volume: The 32 source views, their cameras as they are said to be, and the shell.
        targets: Straight-alpha sRGB.
    """

    volume: VolumeSample
    targets: UInt8[Tensor, "k 4 h w"]
    target_world: Float[Tensor, "k 4 4"]
    target_fov: Float[Tensor, " k"]


@dataclass(frozen=True, slots=True)
class SetBatch:
    """Several `SetSample`s on the device; `targets` in [0, 1] from `cameras` (b, k)."""

    volume: VolumeBatch
    targets: Float[Tensor, "b k 4 h w"]
    cameras: Cameras

    @property
    def first(self) -> Cameras:
        """The camera (b, 1) of each sample's first target."""
        return Cameras(self.cameras.world_from_cam[:, :1], self.cameras.fov[:, :1])


@runtime_checkable
class SetBatches(Protocol):
    """A supply of training samples, deterministic in the step."""

    def batch(self, step: int, size: int) -> list[SetSample]:
        """The samples of one step."""
        ...


@dataclass(frozen=True, slots=True)
class SetCameras:
    """Cameras of some sets: as they are said to be, as they are, and of the targets."""

    said: Cameras
    true: Cameras
    targets: Cameras


def random_sets(count: int, targets: int, faults: PoseFaults, generator: torch.Generator) -> SetCameras:
    """Sets around input pictures from random elevations; `generator` is a CPU one."""

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator)

    elevation = torch.deg2rad(uniform(*INPUT_ELEVATION_DEG, count))
    said = STARTER_LAYOUT.views(elevation)
    size = said.azimuth.shape
    is_off = (torch.rand(count, 1, generator=generator) >= faults.clean) * math.radians(1)
    tilt = faults.tilt * torch.randn(count, 1, generator=generator)
    up = faults.each * torch.randn(size, generator=generator) + tilt
    around = faults.each * torch.randn(size, generator=generator)
    true = Directions(said.azimuth + is_off * around, said.elevation + is_off * up)
    is_exact = torch.rand(count, generator=generator) < STARTER_SHARE
    fov = torch.where(
        is_exact, STARTER_LAYOUT.fov_deg, uniform(25.0, ZERO123_LAYOUT.fov_deg + 2, count)
    ).deg2rad()
    zoom = torch.where(is_exact, 1.0, uniform(0.94, 1.1, count))
    distance = zoom * UNIT_RADIUS / torch.sin(fov / 2)
    aside = Directions(
        uniform(0.0, 2 * math.pi, count, targets),
        torch.deg2rad(uniform(*TARGET_ELEVATION_DEG, count, targets)),
    )
    return SetCameras(*(_placed(where, distance, fov) for where in (said, true, aside)))


def fixed_sets(count: int, targets: int) -> SetCameras:
    """Exact sets of the starter layout, and targets between its views."""
    elevations = torch.tensor(VALIDATION_ELEVATIONS_DEG).repeat(-(-count // len(VALIDATION_ELEVATIONS_DEG)))
    cameras = STARTER_LAYOUT.cameras(torch.deg2rad(elevations[:count]))
    azimuth = torch.deg2rad(45 + 360 / targets * torch.arange(targets)).expand(count, -1)
    aside = Directions(azimuth, torch.full_like(azimuth, math.radians(15)))
    return SetCameras(cameras, cameras, STARTER_LAYOUT.place(aside))


def _placed(where: Directions, distance: Float[Tensor, " b"], fov: Float[Tensor, " b"]) -> Cameras:
    shape = where.azimuth.shape
    return orbit_cameras(
        where.azimuth, where.elevation, distance[:, None].expand(shape), fov[:, None].expand(shape)
    )


def set_samples(scenes: Scenes, cameras: SetCameras, image_px: int) -> list[SetSample]:
    """Render and voxelise every scene."""
    device = scenes.device
    said, targets = cameras.said.to(device), cameras.targets.to(device)
    volumes = volume_samples(scenes, cameras.true.to(device), image_px)
    pictures = (scenes.render(targets, image_px) * 255).round().byte()
    return [
        SetSample(
            replace(volume, world_from_cam=said.world_from_cam[i], fov=said.fov[i]),
            pictures[i],
            targets.world_from_cam[i],
            targets.fov[i],
        )
        for i, volume in enumerate(volumes)
    ]


def collate_sets(samples: Sequence[SetSample]) -> SetBatch:
    """Stack samples and widen their numbers."""
    return SetBatch(
        collate([sample.volume for sample in samples]),
        torch.stack([sample.targets for sample in samples]).float() / 255,
        Cameras(
            torch.stack([sample.target_world for sample in samples]),
            torch.stack([sample.target_fov for sample in samples]),
        ),
    )


def add_set_arguments(parser: argparse.ArgumentParser) -> None:
    """Options about the supply of samples."""
    parser.add_argument("--group", type=int, default=32, help="objects made at once")
    parser.add_argument("--groups", type=int, default=24, help="groups kept for replay")
    parser.add_argument("--reuse", type=float, default=4.0, help="times that a sample is used on average")
    parser.add_argument("--targets", type=int, default=4, help="further views of an object, to be predicted")
    parser.add_argument("--objects", type=int, default=32, help="validation objects")


def training_sets(args: argparse.Namespace, image_px: int) -> Pool[SetSample]:
    """Fresh training objects seen by random sets, each used about `--reuse` times."""
    source = ObjectSource(args.pack, split="train", device=args.device)

    def make(group: int) -> list[SetSample]:
        seed = args.seed * 1_000_003 + group
        generator = torch.Generator().manual_seed(seed)
        cameras = random_sets(args.group, args.targets, PoseFaults(), generator)
        return set_samples(source.scenes(args.group, seed=seed), cameras, image_px)

    steps = max(1, round(args.group * args.reuse / args.batch))
    return Pool(make, groups=args.groups, steps_per_group=steps, seed=args.seed)


def validation_sets(args: argparse.Namespace, image_px: int) -> list[SetSample]:
    """Unseen objects from exact cameras."""
    source = ObjectSource(args.pack, split="val", device=args.device)
    scenes = source.scenes(args.objects, seed=VALIDATION_SEED)
    return set_samples(scenes, fixed_sets(args.objects, args.targets), image_px)
