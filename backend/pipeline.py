"""One picture to a textured mesh: the six stages, each from the files of those before it.

Every stage reads its input from the job's folder and never from memory, so that a resumed job cannot differ
from an uninterrupted one.
"""

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

from backend.candidates import draw_candidates
from backend.devices import memory_errors, peaks, reset_peaks
from backend.errors import WeightsError
from backend.geometry.glb_reader import read_glb, read_textured_glb
from backend.jobs import EDIT, Job, Source
from backend.models.registry import Layout, find_weights, rig_by_name, rig_of
from backend.one2345 import check_networks
from backend.protocol import (
    NORMALS_FILE,
    THUMBNAIL_FILE,
    Engine,
    Event,
    Json,
    Progress,
    Request,
    Stage,
    StageDone,
)
from backend.reports import Report, mesh_facts
from backend.retexturing import bake_edited
from backend.stage_rules import RULES
from backend.storage import sha256_of
from backend.thumbnail import write_thumbnail
from backend.work import Resources, Settings, Work, is_edit

log = logging.getLogger(__name__)

OnEvent = Callable[[Event], None]
"""Takes what the job reports; may raise `Cancelled`, which ends the job at that step."""


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
    _get_ready(work, needed)
    job.write_request(request)
    report = Report(job.read_report(), request, weights=weights, rig=work.rig, device=resources.device)
    for stage in [stage for stage in Stage if not _is_before(request.stop_after, stage)]:
        if stage in needed:
            is_fixed = _is_fixed(stage, job, request)
            _run_stage(work, stage, report=report, is_fixed=is_fixed, on_event=on_event, name=name)
        elif job.is_whole(stage):
            _pass_over(work, stage, "unused", report=report, on_event=on_event, name=name)
        job.write_report(report.data)
    if request.engine is Engine.ONE2345_PLUS and job.is_whole(Stage.VIEWS):
        report.add_rig(work.fitted_rig())
        job.write_report(report.data)
    if job.is_whole(Stage.MESH):
        report.add_mesh(mesh_facts(read_glb(job.path(Stage.MESH))))
        job.write_report(report.data)
    if request.stop_after is Stage.TEXTURE:
        textured = read_textured_glb(job.path(Stage.TEXTURE))
        with memory_errors(Stage.TEXTURE, request.preset):
            write_thumbnail(textured, job.folder / THUMBNAIL_FILE, device=resources.device)
    return report.data


def _get_ready(work: Work, needed: set[Stage]) -> None:
    """What can fail or take time before the first stage."""
    _check_networks(work, needed)
    if Stage.TEXTURE in needed:
        work.resources.unwrap.prepare()


def _check_networks(work: Work, needed: set[Stage]) -> None:
    """Say before the work that the weights are for the other engine, or lack some of its networks."""
    engine, weights = work.request.engine, work.weights
    if Stage.VIEWS in needed and weights.engine not in (None, engine):
        raise WeightsError(
            f"The weights {weights.name} are for the engine {weights.engine}; choose that engine,"
            " or other weights"
        )
    if engine is Engine.ONE2345 or weights.layout is not Layout.OWN:
        made = [stage for stage in needed if not _is_fixed(stage, work.job, work.request)]
        check_networks(weights, engine, [name for stage in made for name in RULES[engine][stage].networks])


def needed_stages(job: Job, request: Request) -> set[Stage]:
    """The stages that the last one rests on; an artifact that is taken as it is rests on nothing."""
    needed: set[Stage] = set()
    waiting = [request.stop_after]
    while waiting:
        stage = waiting.pop()
        needed.add(stage)
        if not _is_fixed(stage, job, request):
            waiting += RULES[request.engine][stage].inputs
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

    rule = RULES[work.request.engine][stage]
    on_step(0, 1)
    start = time.monotonic()
    device = work.resources.device
    reset_peaks(device)
    facts: dict[str, Json] = {}
    with memory_errors(stage, work.request.preset):
        job.replace(stage, source, lambda parts: facts.update(rule.make(work, parts, on_step) or {}))
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
    if stage is Stage.VIEWS and work.request.engine is Engine.ONE2345:
        return [work.cameras_path]
    if stage is Stage.VIEWS and work.request.normals:
        return [work.job.folder / NORMALS_FILE]
    return work.job.levels(work.request) if stage is Stage.TEXTURE else []


def _source(work: Work, stage: Stage) -> tuple[Source, dict[str, str]]:
    """What a stage would be made from, and the checksums of its networks."""
    rule = RULES[work.request.engine][stage]
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
