"""What single views are learned from: pictures of objects, and views from the cameras of One-2-3-45.

Each object gives two samples. The first is a picture as users have it, with one nearby view and some anchors.
The second is one of these anchors as if a network had drawn it, with its four neighbours.
Legend: `s` the two samples, `t` views of each.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from backend.geometry.anchors import NUM_NEIGHBOURS, AnchorLayout, Directions
from backend.models.input_camera import InputFrame
from backend.stages.novel_starter import framed_tiles
from backend.train.imperfect import Faults, imperfect
from backend.train.objects import ObjectSource
from backend.train.scenes import input_pictures
from backend.train.spoil import spoil

VIEWS = NUM_NEIGHBOURS
"""Views of each sample."""
DRAWN = Faults(clean=0.2, missing=0.0)
"""How drawn anchors differ from rendered ones."""


@dataclass(frozen=True, slots=True)
class OrbitShots:
    """Pictures and views of a batch of objects: straight-alpha sRGB in [0, 1].

    Attributes:
        pictures: Centred as by `crop_to_object`.
        frames: How the pictures see the objects.
        views: Evenly lit.
        toward: Directions of the views relative to their picture's camera.
    """

    pictures: Float[Tensor, "b s 4 h w"]
    frames: tuple[InputFrame, InputFrame]
    views: Float[Tensor, "b s t 4 h w"]
    toward: Directions


@dataclass(frozen=True, slots=True)
class OrbitStudio:
    """Takes `OrbitShots` of the objects of a source.

    Attributes:
        size: Side of the pictures in pixels.
        faults: Whether pictures get the faults of users' pictures and of drawn anchors.
    """

    source: ObjectSource
    layout: AnchorLayout
    size: int
    faults: bool

    @torch.no_grad()
    def __call__(self, count: int, seed: int) -> OrbitShots:
        """Render `count` objects drawn from `seed`."""
        scenes = self.source.scenes(count, seed=seed)
        generator = torch.Generator().manual_seed(seed)
        pictures, frame = input_pictures(scenes, generator, self.size)
        own, plan = orbit_plan(self.layout, frame.elevation.cpu(), generator)
        cameras = self.layout.place(Directions(plan.azimuth.flatten(1), plan.elevation.flatten(1)))
        views = scenes.render(cameras.to(scenes.device), self.size).unflatten(1, plan.azimuth.shape[1:])
        drawn = views[:, 0, 1:2]
        if self.faults:
            faults = torch.Generator(scenes.device).manual_seed(seed)
            pictures, drawn = spoil(pictures, faults), imperfect(drawn, DRAWN, faults)
        height = own.elevation[:, 1].to(scenes.device)
        tiles, tile_frame = framed_tiles(drawn[:, 0], height, fov=self.layout.fov)
        toward = Directions(
            (plan.azimuth - own.azimuth[..., None]).to(scenes.device),
            (plan.elevation - own.elevation[..., None]).to(scenes.device),
        )
        return OrbitShots(torch.stack([pictures, tiles], dim=1), (frame, tile_frame), views, toward)


def orbit_plan(
    layout: AnchorLayout, elevation: Float[Tensor, " b"], generator: torch.Generator
) -> tuple[Directions, Directions]:
    """Cameras of the pictures (b, s) and of their views (b, s, t), for pictures from `elevation`.

    The first of the first picture's views is a neighbour of it, the second is the second picture.
    """
    count = len(elevation)
    picture = Directions(torch.zeros_like(elevation), elevation)
    near = _some(layout.neighbours(picture), 1, generator)
    anchors = _some(layout.anchors(elevation), VIEWS - 1, generator)
    first = Directions(anchors.azimuth[:, 0], anchors.elevation[:, 0])
    around = layout.neighbours(first)
    own = Directions(
        torch.stack([picture.azimuth, first.azimuth], dim=1), torch.stack([elevation, first.elevation], dim=1)
    )
    azimuth = torch.cat([near.azimuth, anchors.azimuth, around.azimuth], dim=1)
    height = torch.cat([near.elevation, anchors.elevation, around.elevation], dim=1)
    return own, Directions(azimuth.view(count, 2, VIEWS), height.view(count, 2, VIEWS))


def _some(directions: Directions, number: int, generator: torch.Generator) -> Directions:
    """Each row's own choice of its directions, without repeats."""
    order = torch.rand(directions.azimuth.shape, generator=generator).argsort(dim=1)[:, :number]
    return Directions(directions.azimuth.gather(1, order), directions.elevation.gather(1, order))
