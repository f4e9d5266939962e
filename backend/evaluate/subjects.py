"""The true objects of an evaluation: read, placed in generation space, and seen."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from backend.errors import InputError
from backend.evaluate.pictures import input_camera
from backend.geometry.cameras import Cameras, ViewRig
from backend.geometry.framing import crop_to_object
from backend.geometry.glb_reader import read_textured_glb
from backend.geometry.meshes import TexturedMesh
from backend.geometry.placement import generation_space
from backend.geometry.render import render

INPUT_PX = 512
"""Side of the rendered input picture."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A true object in generation space."""

    name: str
    mesh: TexturedMesh


def find_files(folder: Path, *, limit: int | None) -> list[Path]:
    """The folder's GLB files in alphabetical order.

    Raises:
        InputError: when there are none.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}; check the path")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".glb")
    if not files:
        raise InputError(f"The folder {folder} holds no GLB files; choose another one")
    return files[:limit]


def read_subject(path: Path) -> Subject:
    """Read a true object and place it in generation space.

    Raises:
        InputError: when the file cannot be used.
    """
    mesh = read_textured_glb(path)
    place = generation_space(mesh.vertices, mesh.faces)
    return Subject(
        path.stem, replace(mesh, vertices=place(mesh.vertices.astype(np.float64)).astype(np.float32))
    )


def true_views(subject: Subject, rig: ViewRig, *, device: torch.device) -> Float[Tensor, "v 4 h w"]:
    """The object in the rig's six cameras."""
    return views_from(subject, rig.cameras(), rig.tile_px, device=device)


def views_from(
    subject: Subject, cameras: Cameras, size: int, *, device: torch.device
) -> Float[Tensor, "v 4 h w"]:
    """The object from any cameras."""
    return render(subject.mesh, cameras, size=size, device=device).cpu()


def input_picture(subject: Subject, *, seed: int, device: torch.device) -> Float[Tensor, "4 h w"]:
    """One cut-out picture from the front, centred as a user's would be."""
    picture = render(subject.mesh, input_camera(seed), size=INPUT_PX, device=device)
    return crop_to_object(picture, size=INPUT_PX)[0].cpu()
