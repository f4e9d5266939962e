"""A batch of textured objects in generation space, ready to be rendered and voxelised."""

import torch
from jaxtyping import Float
from torch import Tensor

from backend.geometry.cameras import Cameras
from backend.geometry.framing import crop_to_object, object_frames
from backend.models.input_camera import InputFrame
from backend.train.bank import Textures
from backend.train.lights import Light, random_lights
from backend.train.render import render
from backend.train.rigs import input_cameras
from backend.train.soup import Soup, Trees
from backend.train.voxels import CHUNK, Voxels, voxelise

PICTURE_FILLS = (0.72, 0.9)
"""Shares of the input picture that the longer side of an object takes in training."""


class Scenes:
    """Objects that fit a sphere of radius 0.48, on one device."""

    def __init__(self, soup: Soup, textures: Textures, *, count: int) -> None:
        self.count = count
        self._trees = Trees(soup, textures, count=count)

    def __len__(self) -> int:
        return self.count

    @property
    def device(self) -> torch.device:
        """Where the objects are and where results come out."""
        return self._trees.device

    def render(
        self, cameras: Cameras, size: int, *, light: Light | None = None, supersample: int = 2
    ) -> Float[Tensor, "b v 4 h w"]:
        """Straight-alpha sRGB pictures from cameras (b, v); without `light` the colours of the textures.

        Each pixel is the mean of `supersample`^2 rays. Cameras stand outside the unit sphere.
        """
        return render(self._trees, cameras, size, light=light, supersample=supersample)

    def voxels(self, *, chunk: int = CHUNK) -> Voxels:
        """The shell, and signed distance and colour on the children of its cells, `chunk` scenes at once."""
        return voxelise(self._trees, chunk=chunk)


def input_pictures(
    scenes: Scenes, generator: torch.Generator, size: int
) -> tuple[Float[Tensor, "b 4 h w"], InputFrame]:
    """Pictures as a user may give them, and how each sees its object.

    Light, elevation and field of view are random, the frame is roughly filled. `generator` is a CPU one.
    """
    cameras, elevation = input_cameras(len(scenes), generator, scenes.device)
    light = random_lights(len(scenes), generator, scenes.device)
    low, high = PICTURE_FILLS
    fill = low + (high - low) * torch.rand(len(scenes), generator=generator).to(scenes.device)
    pictures = scenes.render(cameras, round(size * 1.25), light=light)[:, 0]
    centre, side = object_frames(pictures, fill=fill)
    whole = pictures.shape[-1]
    frame = InputFrame(elevation, cameras.fov[:, 0], centre / whole, side / whole)
    return crop_to_object(pictures, size=size, fill=fill), frame
