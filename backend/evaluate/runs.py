"""Running the product on a true object: a job in a folder of its own, as the command line would make it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from backend.artifact_files import read_views, write_rgba, write_views
from backend.geometry.cameras import Cameras
from backend.geometry.glb_reader import read_glb, read_textured_glb
from backend.geometry.meshes import Mesh, TexturedMesh
from backend.jobs import Job
from backend.pipeline import run
from backend.protocol import CAMERAS_FILE, Engine, Event, Json, Preset, Request, Stage
from backend.view_sets import SheetCameras, read_cameras, read_sheet, write_cameras, write_sheet
from backend.work import Resources

Route = Literal["image", "views"]
"""Where an evaluation starts: from one picture, or from the six true views."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """What all jobs of an evaluation with one engine share.

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
    engine: Engine = Engine.ONE2345_PLUS


@dataclass(frozen=True, slots=True)
class Result:
    """What a job left.

    Attributes:
        views: What it worked from.
        cameras: Theirs where the job chose them itself; None where they are the rig's.
        seconds: By stage.
        peak_mib: Most memory of any stage, by kind.
        elevation_deg: Of the input picture's camera, where the job found it out.
    """

    views: Float[Tensor, "v 4 h w"]
    cameras: Cameras | None
    mesh: Mesh | TexturedMesh
    seconds: dict[str, float]
    peak_mib: dict[str, float]
    elevation_deg: float | None


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


def from_view_set(
    views: Float[Tensor, "v 4 h w"], layout: SheetCameras, folder: Path, setup: Setup
) -> Result:
    """The reconstruction and texture of One-2-3-45, from views of any cameras."""
    job = Job(folder)
    job.replace(Stage.VIEWS, None, lambda parts: write_sheet(views, layout, parts[0]))
    write_cameras(layout, folder / CAMERAS_FILE)
    return _run(job, setup, image=None, start_from=Stage.SHAPE)


def _run(job: Job, setup: Setup, *, image: str | None, start_from: Stage | None) -> Result:
    last = Stage.MESH if setup.is_bare else Stage.TEXTURE
    request = Request(
        image=image,
        seed=setup.seed,
        preset=setup.preset,
        weights=setup.weights,
        engine=setup.engine,
        rig=setup.rig,
        start_from=start_from,
        stop_after=last,
    )
    report = run(job, request, setup.resources, on_event=_ignore, name=job.name)
    read = read_glb if setup.is_bare else read_textured_glb
    views, cameras = _views(job, setup.engine)
    return Result(
        views,
        cameras,
        read(job.path(last)),
        _numbers(report, "seconds"),
        _peaks(report),
        _numbers(report, "elevation_deg").get(Stage.VIEWS),
    )


def _views(job: Job, engine: Engine) -> tuple[Float[Tensor, "v 4 h w"], Cameras | None]:
    if engine is Engine.ONE2345_PLUS:
        return read_views(job.path(Stage.VIEWS)), None
    layout = read_cameras(job.folder / CAMERAS_FILE)
    return read_sheet(job.path(Stage.VIEWS), layout), layout.cameras


def _ignore(event: Event) -> None:
    """Nobody watches single stages of an evaluation."""


def _numbers(report: dict[str, Json], key: str) -> dict[str, float]:
    """One number of every stage that has it."""
    stages = report["stages"]
    if not isinstance(stages, dict):
        return {}
    found = {}
    for name, entry in stages.items():
        value = entry.get(key) if isinstance(entry, dict) else None
        if isinstance(value, int | float):
            found[name] = float(value)
    return found


def _peaks(report: dict[str, Json]) -> dict[str, float]:
    """The highest peak of any stage, for the process and for the device."""
    kinds = {kind: _numbers(report, f"peak_{kind}_mib") for kind in ("process", "device")}
    return {kind: max(values.values()) for kind, values in kinds.items() if values}
