"""What stage 1 learns from: the six clean views of objects and input pictures of them."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from backend.evaluate.pictures import over, picture_scores
from backend.geometry.cameras import STARTER_RIG
from backend.train.objects import ObjectSource
from backend.train.pool import Pool
from backend.train.rigs import starter_rigs
from backend.train.scenes import input_pictures
from backend.train.spoil import spoil

SampleT = TypeVar("SampleT")
NetT = TypeVar("NetT", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Shots:
    """Pictures of a batch of objects: straight-alpha sRGB in [0, 1].

    Attributes:
        views: Evenly lit views from the rig of the weights.
        pictures: Input pictures, centred as by `crop_to_object`; of the views' size.
        frames: How the pictures see the objects (`InputFrame.code`).
    """

    views: Float[Tensor, "b v 4 h w"]
    pictures: Float[Tensor, "b 4 h w"]
    frames: Float[Tensor, "b 5"]


Shoot = Callable[[int, int], Shots]
"""Takes pictures of `count` objects drawn from `seed`; the same for the same arguments."""


@dataclass(frozen=True, slots=True)
class Studio:
    """Takes `Shots` of the objects of a source from the starter rig.

    Attributes:
        size: Side of the pictures in pixels.
        faults: Whether the input pictures get the faults that users' pictures have.
    """

    source: ObjectSource
    size: int
    faults: bool

    @torch.no_grad()
    def __call__(self, count: int, seed: int) -> Shots:
        """Render `count` objects drawn from `seed`."""
        scenes = self.source.scenes(count, seed=seed)
        views = scenes.render(starter_rigs(count, scenes.device), self.size)
        pictures, frames = input_pictures(scenes, torch.Generator().manual_seed(seed), self.size)
        if self.faults:
            pictures = spoil(pictures, torch.Generator(scenes.device).manual_seed(seed))
        return Shots(views, pictures, frames.code())


@runtime_checkable
class Batches(Protocol[SampleT]):
    """A supply of training samples, deterministic in the step."""

    def batch(self, step: int, size: int) -> list[SampleT]:
        """The samples of one step."""
        ...


def mean_scores(ours: Float[Tensor, "b v 4 h w"], true: Float[Tensor, "b v 4 h w"]) -> dict[str, float]:
    """Scores of pictures, averaged over objects; an object that no view shows does not count."""
    rows = [picture_scores(a.float().cpu(), b.float().cpu()) for a, b in zip(ours, true, strict=True)]
    found = {name: [row[name] for row in rows if row[name] is not None] for name in rows[0]}
    return {name: float(np.mean(np.array(values))) for name, values in found.items() if values}


def picture_sheet(rows: Sequence[Float[Tensor, "n 4 h w"]]) -> Image.Image:
    """Rows of pictures over grey, as one 8-bit picture."""
    sheet = rearrange(list(rows), "r n c h w -> (r h) (n w) c")
    pixels = over(rearrange(sheet, "h w c -> c h w").float().cpu()).clamp(0, 1) * 255
    return Image.fromarray(rearrange(pixels.round().byte(), "c h w -> h w c").numpy())


def add_pool_arguments(parser: argparse.ArgumentParser, *, groups: int, steps_per_group: int) -> None:
    """Options of the window of samples."""
    parser.add_argument("--size", type=int, default=STARTER_RIG.tile_px, help="side of the tiles in pixels")
    parser.add_argument("--group", type=int, default=32, help="objects rendered at once")
    parser.add_argument("--groups", type=int, default=groups, help="groups in the window of samples")
    parser.add_argument(
        "--steps-per-group", type=int, default=steps_per_group, help="steps after which a new group is made"
    )


def pool_from_arguments(args: argparse.Namespace, make: Callable[[int], list[SampleT]]) -> Pool[SampleT]:
    """The window of samples that the options describe; `make` takes a seed."""
    return Pool(
        # Runs with other seeds see other objects.
        lambda number: make(args.seed * 1_000_003 + number),
        groups=args.groups,
        steps_per_group=args.steps_per_group,
        seed=args.seed,
    )


def channels_last(net: NetT) -> NetT:
    """Lay out a network's 2D convolutions as the GPU's fastest kernels want them; in place."""
    for parameter in net.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return net
