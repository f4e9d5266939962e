"""The colours of a texture's pixels: a colour field's, sharpened by the views that it was fitted to.

A field of a size that is fitted in seconds draws the views' finest detail a little blurred. What it leaves of
each view is projected back into the texture (Irani and Peleg 1991, as in super-resolution), first from the
field's own pictures, then from pictures of the textured mesh.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from backend.geometry.bake import SurfacePixels
from backend.geometry.meshes import TexturedMesh
from backend.geometry.projection import project_back
from backend.geometry.render import render
from backend.geometry.sightings import Observer
from backend.geometry.unseen import UnseenColours
from backend.models.colour_field import ColourField

CHUNK = 1 << 16
"""Points that the field is asked about at once."""

BAND = 1 << 20
"""Pixels that are projected into the views at once: a texture of 4,096 pixels would else take gigabytes."""

SUPERSAMPLES = 2
"""Rays along each side of a pixel of the pictures that are compared with the views."""

Retouch = Callable[[Float[Tensor, "n 3"], Float[Tensor, "n 3"], Float[Tensor, "n 3"]], Float[Tensor, "n 3"]]
"""Takes points, unit normals and colours of pixels; returns other colours."""


def field_colours(
    field: ColourField, points: Float[Tensor, "n 3"], normals: Float[Tensor, "n 3"]
) -> Float[Tensor, "n 3"]:
    """The field at points, with the surface normal as view direction."""
    parts = zip(points.split(CHUNK), normals.split(CHUNK), strict=True)
    return torch.cat([field(part, normal) for part, normal in parts])


def sharpened(
    colours: Float[Tensor, "n 3"],
    pixels: SurfacePixels,
    field: ColourField,
    observer: Observer,
    unseen: UnseenColours,
    *,
    sharpness: float,
) -> Float[Tensor, "n 3"]:
    """The field's colours with what its own pictures lack beside the views.

    Where no view tells, a field fitted in seconds keeps some of the noise that it began with; there the
    colours that it was to take are taken themselves.
    """
    lack = (observer.views[:, :3] - _pictures_of(field, observer)) * observer.usable[:, None]
    more, seen = _projected(observer, lack, pixels, sharpness)
    smooth, known = (
        torch.cat(parts) for parts in zip(*map(unseen.at, pixels.points.split(BAND)), strict=True)
    )
    return torch.lerp(colours, smooth, known * (1 - seen)) + more


def sharpened_again(
    colours: Float[Tensor, "n 3"],
    pixels: SurfacePixels,
    mesh: TexturedMesh,
    observer: Observer,
    *,
    sharpness: float,
) -> Float[Tensor, "n 3"]:
    """A texture's colours with what pictures of its mesh lack beside the views.

    `mesh` has the texture coordinates of the pixels; its own texture is not looked at.
    """
    painted = replace(mesh, texture=pixels.picture(colours))
    pictures = render(
        painted,
        observer.cameras,
        size=observer.views.shape[-1],
        device=observer.bvh.device,
        supersamples=SUPERSAMPLES,
    )
    lack = (observer.views[:, :3] - pictures[:, :3]) * (observer.usable & (pictures[:, 3] > 0.5))[:, None]
    return colours + _projected(observer, lack, pixels, sharpness)[0]


def _pictures_of(field: ColourField, observer: Observer) -> Float[Tensor, "v 3 h w"]:
    """The field's colours at the observer's usable pixels, black elsewhere."""
    size = observer.views.shape[-1]
    pictures = []
    for hits, usable in zip(observer.hits, observer.usable, strict=True):
        row = usable.reshape(-1).nonzero()[:, 0]
        points = observer.bvh.positions(hits)[row]
        normals = F.normalize(observer.bvh.interpolate(observer.normals, hits)[row], dim=1)
        flat = torch.zeros(size * size, 3, device=points.device)
        if len(row):
            flat[row] = field_colours(field, points, normals)
        pictures.append(rearrange(flat, "(h w) c -> c h w", h=size))
    return torch.stack(pictures)


def _projected(
    observer: Observer, lack: Float[Tensor, "v 3 h w"], pixels: SurfacePixels, sharpness: float
) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 1"]]:
    parts: Iterator[tuple[Tensor, Tensor]] = zip(
        pixels.points.split(BAND), pixels.normals.split(BAND), strict=True
    )
    found = [project_back(observer, lack, points, normals, sharpness=sharpness) for points, normals in parts]
    values, seen = (torch.cat(column) for column in zip(*found, strict=True))
    return values, seen
