"""One picture to a textured mesh: the six stages, each from the files of those before it.

Every stage reads its input from the job's folder and never from memory, so that a resumed job cannot differ
from an uninterrupted one.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from backend.artifact_files import (
    read_matte,
    read_occupancy,
    write_occupancy,
    write_rgba,
    write_shape,
    write_views,
)
from backend.candidates import draw_candidates
from backend.devices import memory_errors, peaks, reset_peaks
from backend.errors import ArtifactError, OnStep, share_of
from backend.geometry.framing import object_frames
from backend.geometry.glb import write_glb
from backend.geometry.glb_reader import read_glb, read_source_glb, read_textured_glb
from backend.geometry.meshes import Mesh, weld
from backend.geometry.source_mesh import own_layout
from backend.images import read_picture
from backend.jobs import EDIT, Job, Source
from backend.levels import Body, further_levels, has_body, write_levels
from backend.models.colour_field import save_field
from backend.models.occupancy import OccupancyConfig, OccupancyNet
from backend.models.registry import find_weights, rig_by_name, rig_of
from backend.models.shape import ShapeConfig, ShapeNet
from backend.protocol import NORMALS_FILE, THUMBNAIL_FILE, Event, Json, Progress, Request, Stage, StageDone
from backend.reports import Report, mesh_facts
from backend.retexturing import bake_edited
from backend.stages.matte import framed, isolate
from backend.stages.mesh import extract_mesh
from backend.stages.occupancy import generate_occupancy
from backend.stages.photo import PhotoTexture
from backend.stages.shape import generate_shape
from backend.stages.texture import texture_levels
from backend.stages.views import generate_views, redraw_views
from backend.storage import part_of, sha256_of
from backend.thumbnail import write_thumbnail
from backend.view_models import normals_model, view_model
from backend.work import Resources, Settings, Work, is_edit

log = logging.getLogger(__name__)

MATTE_PX, MAX_MATTE_PX = 512, 2048
"""Least and largest side of the cut-out picture; the networks scale it, the texture takes it as it is."""

OnEvent = Callable[[Event], None]
"""Takes what the job reports; may raise `Cancelled`, which ends the job at that step."""


def _make_matte(work: Work, paths: Sequence[Path], on_step: OnStep) -> dict[str, Json]:
    request = work.request
    if request.image is None:
        raise ArtifactError(f"The job {work.job.folder} has no matte.png and names no picture; name one")
    image = read_picture(Path(request.image))
    mask = read_picture(Path(request.mask)) if request.mask else None
    cut = isolate(image, mask, model=work.resources.matting_model)
    on_step(1, 1)
    write_rgba(framed(cut, size=MATTE_PX, max_size=MAX_MATTE_PX), paths[0])
    centre, side = object_frames(cut[None])
    return {"frame": {"centre_px": centre[0].tolist(), "side_px": float(side[0])}}


def _make_views(work: Work, paths: Sequence[Path], on_step: OnStep) -> None:
    picture = read_matte(work.job.path(Stage.MATTE))
    seed, config = work.seed(Stage.VIEWS), work.settings.views
    has_normals = work.request.normals
    if has_normals:
        work.weights.control("normals")  # Said now rather than after the views.
    steps = share_of(on_step, 0, 1 + has_normals)
    if work.is_edit(Stage.VIEWS):
        tiles = [number - 1 for number in work.request.reroll]
        views = redraw_views(
            picture, work.views(), view_model(work), tiles=tiles, seed=seed, config=config, on_step=steps
        )
    else:
        views = generate_views(picture, view_model(work), seed=seed, config=config, on_step=steps)
    write_views(views, paths[0])
    target = work.job.folder / NORMALS_FILE
    target.unlink(missing_ok=True)
    if has_normals:
        model = normals_model(work, paths[0])
        normals = generate_views(picture, model, seed=seed, config=config, on_step=share_of(on_step, 1, 2))
        write_views(normals, part_of(target))
        part_of(target).replace(target)


def _make_occupancy(work: Work, paths: Sequence[Path], on_step: OnStep) -> None:
    net = work.resources.networks.get(
        OccupancyNet, OccupancyConfig, work.weights.place("occupancy"), "occupancy"
    )
    occupancy = generate_occupancy(
        work.views(),
        work.cameras(),
        net,
        seed=work.seed(Stage.OCCUPANCY),
        config=work.settings.occupancy,
        on_step=on_step,
    )
    write_occupancy(occupancy, paths[0])


def _make_shape(work: Work, paths: Sequence[Path], on_step: OnStep) -> None:
    net = work.resources.networks.get(ShapeNet, ShapeConfig, work.weights.place("shape"), "shape")
    shape = generate_shape(
        work.views(),
        work.cameras(),
        read_occupancy(work.job.path(Stage.OCCUPANCY)),
        net,
        seed=work.seed(Stage.SHAPE),
        config=work.settings.shape,
        on_step=on_step,
    )
    write_shape(shape, paths[0])


def _make_mesh(work: Work, paths: Sequence[Path], on_step: OnStep) -> None:
    body = Body.made(work)
    mesh = extract_mesh(body.shape, faces=work.settings.faces, fine=body.fine, on_step=on_step)
    write_glb(mesh, paths[0], extras=work.provenance(Stage.MESH))


def _make_texture(work: Work, paths: Sequence[Path], on_step: OnStep) -> dict[str, Json]:
    path = work.job.path(Stage.MESH)
    mesh = own_layout(read_source_glb(path), path.name) if work.request.keep_uvs else read_glb(path)
    texture_px = work.settings.texture.texture_px
    photo = None if work.photo is None else PhotoTexture(read_matte(work.photo), texture_px=texture_px)
    body = Body.of(work)
    base = mesh if isinstance(mesh, Mesh) else weld(mesh)
    (textured, *levels), field = texture_levels(
        [mesh, *further_levels(base, body, work.request.lods)],
        work.views(),
        work.cameras(),
        seed=work.seed(Stage.TEXTURE),
        config=work.settings.texture,
        fine=None if body is None else body.fine.mesh,
        extra=photo,
        device=work.resources.device,
        on_step=on_step,
    )
    write_glb(textured, paths[0], extras=work.provenance(Stage.TEXTURE))
    save_field(field, paths[1])
    write_levels(work, levels)
    return {"photo": {"used": False} if photo is None else photo.facts()}


@dataclass(frozen=True, slots=True)
class StageRule:
    """How a stage is made, and from what.

    Attributes:
        make: Writes its files, and may return facts for the report.
        inputs: The stages whose artifacts it reads.
        networks: The networks it uses.
        settings: The settings that its result depends on.
        is_random: Whether it draws from its seed.
    """

    make: Callable[[Work, Sequence[Path], OnStep], dict[str, Json] | None]
    inputs: tuple[Stage, ...]
    networks: tuple[str, ...]
    settings: Callable[[Work], Mapping[str, object]]
    is_random: bool = True


def _matte_settings(work: Work) -> dict[str, object]:
    pictures = {"image": work.request.image, "mask": work.request.mask}
    found = {name: sha256_of(Path(path)) for name, path in pictures.items() if path and Path(path).is_file()}
    return {"size": [MATTE_PX, MAX_MATTE_PX], **found}


def _views_settings(work: Work) -> Mapping[str, object]:
    depth = work.request.depth
    steering = {"depth": sha256_of(Path(depth))} if depth and Path(depth).is_file() else {}
    return asdict(work.settings.views) | steering


def _texture_settings(work: Work) -> dict[str, object]:
    texture = asdict(work.settings.texture) | {"keep_uvs": work.request.keep_uvs}
    photo = None if work.photo is None else sha256_of(work.photo)
    return texture | {
        "rig": asdict(work.rig),
        "photo": photo,
        "lods": work.request.lods,
        "is_fine": has_body(work),
        "provenance": work.provenance(Stage.TEXTURE),
    }


RULES: Mapping[Stage, StageRule] = {
    Stage.MATTE: StageRule(_make_matte, (), (), _matte_settings, is_random=False),
    Stage.VIEWS: StageRule(
        _make_views,
        (Stage.MATTE,),
        ("vae", "image_encoder", "views"),
        _views_settings,
    ),
    Stage.OCCUPANCY: StageRule(
        _make_occupancy,
        (Stage.VIEWS,),
        ("occupancy",),
        lambda work: asdict(work.settings.occupancy) | {"rig": asdict(work.rig)},
    ),
    Stage.SHAPE: StageRule(
        _make_shape,
        (Stage.VIEWS, Stage.OCCUPANCY),
        ("shape",),
        lambda work: asdict(work.settings.shape) | {"rig": asdict(work.rig)},
    ),
    Stage.MESH: StageRule(
        _make_mesh,
        (Stage.SHAPE,),
        (),
        lambda work: {
            "faces": work.settings.faces,
            "flat_base": work.request.flat_base,
            "provenance": work.provenance(Stage.MESH),
        },
        is_random=False,
    ),
    Stage.TEXTURE: StageRule(_make_texture, (Stage.MESH, Stage.VIEWS), (), _texture_settings),
}


def run(job: Job, request: Request, resources: Resources, *, on_event: OnEvent, name: str) -> dict[str, Json]:
    """Run a job up to `request.stop_after`, from whatever its folder already holds (`backend/jobs.py`).

    Args:
        name: What the events call the job.

    Returns:
        The content of report.json.

    Raises:
        One2345Error: of any kind; the stages that were finished stay in the folder.
    """
    if request.text is not None and request.text.candidates:
        return draw_candidates(job, request, request.text, resources, on_event=on_event, name=name)
    weights = find_weights(request.weights, resources.root)
    work = Work(
        job=job,
        request=request,
        settings=Settings.of(request, weights),
        weights=weights,
        rig=rig_by_name(request.rig) if request.rig else rig_of(weights),
        resources=resources,
    )
    if request.edited is not None:
        empty = Report({}, request, weights=weights, rig=work.rig, device=resources.device)
        return bake_edited(work, Path(request.edited), empty, on_event=on_event, name=name)
    if request.start_from:
        job.forget(stage for stage in Stage if not _is_before(stage, request.start_from))
    needed = needed_stages(job, request)
    job.write_request(request)
    report = Report(job.read_report(), request, weights=weights, rig=work.rig, device=resources.device)
    for stage in [stage for stage in Stage if not _is_before(request.stop_after, stage)]:
        if stage in needed:
            is_fixed = _is_fixed(stage, job, request)
            _run_stage(work, stage, report=report, is_fixed=is_fixed, on_event=on_event, name=name)
        elif job.is_whole(stage):
            _pass_over(work, stage, "unused", report=report, on_event=on_event, name=name)
        job.write_report(report.data)
    if job.is_whole(Stage.VIEWS):
        report.add_rig(work.fitted_rig())
        job.write_report(report.data)
    if job.is_whole(Stage.MESH):
        report.add_mesh(mesh_facts(read_glb(job.path(Stage.MESH))))
        job.write_report(report.data)
    if request.stop_after is Stage.TEXTURE:
        textured = read_textured_glb(job.path(Stage.TEXTURE))
        write_thumbnail(textured, job.folder / THUMBNAIL_FILE, device=resources.device)
    return report.data


def needed_stages(job: Job, request: Request) -> set[Stage]:
    """The stages that the last one rests on; an artifact that is taken as it is rests on nothing."""
    needed: set[Stage] = set()
    waiting = [request.stop_after]
    while waiting:
        stage = waiting.pop()
        needed.add(stage)
        if not _is_fixed(stage, job, request):
            waiting += RULES[stage].inputs
    return needed


def _is_before(stage: Stage, other: Stage) -> bool:
    order = list(Stage)
    return order.index(stage) < order.index(other)


def _is_fixed(stage: Stage, job: Job, request: Request) -> bool:
    """Whether a stage's artifact is taken as it is, whatever it was made from."""
    if is_edit(stage, request):
        return False
    if request.start_from and _is_before(stage, request.start_from):
        return True
    return job.is_given(stage) or (stage is Stage.MATTE and request.image is None and job.is_whole(stage))


def _run_stage(
    work: Work, stage: Stage, *, report: Report, is_fixed: bool, on_event: OnEvent, name: str
) -> None:
    """Make, reuse or take over one stage's artifact."""
    job = work.job
    if is_fixed:
        job.path(stage)
        _pass_over(work, stage, "given", report=report, on_event=on_event, name=name)
        return
    source, checksums = _source(work, stage)
    report.add_weights(checksums)
    if job.fits(stage, source) and all(path.is_file() for path in _further_paths(work, stage)):
        _pass_over(work, stage, "reused", report=report, on_event=on_event, name=name)
        return

    def on_step(step: int, total: int) -> None:
        on_event(Progress(job=name, stage=stage, step=step, total=total))

    on_step(0, 1)
    start = time.monotonic()
    device = work.resources.device
    reset_peaks(device)
    facts: dict[str, Json] = {}
    with memory_errors(stage, work.request.preset):
        job.replace(stage, source, lambda parts: facts.update(RULES[stage].make(work, parts, on_step) or {}))
    work.resources.networks.work_ended()
    seconds = time.monotonic() - start
    log.info("job %s: %s took %.2f s", name, stage, seconds)
    seed = work.seed(stage)
    report.add_stage(stage, origin="made", seed=seed, seconds=seconds, peaks=peaks(device), facts=facts)
    on_event(StageDone(job=name, stage=stage, paths=_names(work, stage), seconds=seconds))


def _pass_over(
    work: Work, stage: Stage, origin: str, *, report: Report, on_event: OnEvent, name: str
) -> None:
    report.add_stage(stage, origin=origin, seed=work.seed(stage))
    on_event(StageDone(job=name, stage=stage, paths=_names(work, stage), seconds=0.0, reused=True))


def _names(work: Work, stage: Stage) -> tuple[str, ...]:
    return tuple(str(path) for path in [*work.job.paths(stage), *_further_paths(work, stage)])


def _further_paths(work: Work, stage: Stage) -> list[Path]:
    """Files that a stage leaves beside its own."""
    if stage is Stage.VIEWS and work.request.normals:
        return [work.job.folder / NORMALS_FILE]
    return work.job.levels(work.request) if stage is Stage.TEXTURE else []


def _source(work: Work, stage: Stage) -> tuple[Source, dict[str, str]]:
    """What a stage would be made from, and the checksums of its networks."""
    rule = RULES[stage]
    checksums = work.weights.checksums(rule.networks)
    source = {
        "inputs": {work.job.path(item).name: sha256_of(work.job.path(item)) for item in rule.inputs},
        "settings": dict(rule.settings(work)),
        "seed": work.seed(stage) if rule.is_random else None,
        "weights": checksums,
    }
    if work.is_edit(stage):
        # Not from which sheet: it is gone by then, and the same request must not roll twice.
        source[EDIT] = {"reroll": sorted(set(work.request.reroll)), "seed": work.request.reroll_seed}
    return json.loads(json.dumps(source)), checksums
