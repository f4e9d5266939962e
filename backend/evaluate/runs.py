"""Running the product on a true object: a job in a folder of its own, as the command line would make it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from backend.artifact_files import read_views, write_rgba, write_views
from backend.geometry.glb_reader import read_glb, read_textured_glb
from backend.geometry.meshes import Mesh, TexturedMesh
from backend.jobs import Job
from backend.pipeline import run
from backend.protocol import Event, Json, Preset, Request, Stage
from backend.work import Resources

Route = Literal["image", "views"]
"""Where an evaluation starts: from one picture, or from the six true views."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """What all jobs of an evaluation share.

    Attributes:
        rig: Name of the true views' cameras; None for the weights' own.
        is_bare: Stop before the texture.
    """

    resources: Resources
    seed: int
    preset: Preset
    weights: str
    rig: str | None = None
    is_bare: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What a job left: the six views it worked from, the mesh, and seconds by stage."""

    views: Float[Tensor, "v 4 h w"]
    mesh: Mesh | TexturedMesh
    seconds: dict[str, float]


def from_picture(picture: Float[Tensor, "4 h w"], folder: Path, setup: Setup) -> Result:
    """The whole main job, from a cut-out picture."""
    job = Job(folder)
    image = folder / "input.png"
    write_rgba(picture, image)
    return _run(job, setup, image=str(image), start_from=None)


def from_views(views: Float[Tensor, "v 4 h w"], folder: Path, setup: Setup) -> Result:
    """Stages 2 and 3, from six views."""
    job = Job(folder)
    job.replace(Stage.VIEWS, None, lambda parts: write_views(views, parts[0]))
    return _run(job, setup, image=None, start_from=Stage.OCCUPANCY)


def _run(job: Job, setup: Setup, *, image: str | None, start_from: Stage | None) -> Result:
    last = Stage.MESH if setup.is_bare else Stage.TEXTURE
    request = Request(
        image=image,
        seed=setup.seed,
        preset=setup.preset,
        weights=setup.weights,
        rig=setup.rig,
        start_from=start_from,
        stop_after=last,
    )
    report = run(job, request, setup.resources, on_event=_ignore, name=job.name)
    read = read_glb if setup.is_bare else read_textured_glb
    return Result(read_views(job.path(Stage.VIEWS)), read(job.path(last)), _seconds(report))


def _ignore(event: Event) -> None:
    """Nobody watches single stages of an evaluation."""


def _seconds(report: dict[str, Json]) -> dict[str, float]:
    stages = report["stages"]
    if not isinstance(stages, dict):
        return {}
    found = {}
    for name, entry in stages.items():
        seconds = entry.get("seconds") if isinstance(entry, dict) else None
        if isinstance(seconds, int | float):
            found[name] = float(seconds)
    return found
