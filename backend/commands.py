"""What the commands of the command line do. Imports torch; `backend/arguments.py` holds the arguments."""

import argparse
import io
import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path

from backend.arguments import EXIT_CHECK, EXIT_CODES, EXIT_FAULT, SUFFIXES, Parser, request_from
from backend.artifact_files import read_views, write_views
from backend.devices import choose_device, make_repeatable
from backend.doctor import run_doctor
from backend.engine_list import print_engines
from backend.errors import Cancelled, ConfigError, One2345Error
from backend.geometry.glb import write_glb
from backend.geometry.mesh_files import read_mesh_file
from backend.geometry.source_mesh import check_area, own_layout
from backend.jobs import Job
from backend.lines import encode
from backend.model_commands import manage_models
from backend.models.cache import NetworkCache
from backend.models.registry import matting_model_path
from backend.pipeline import run as run_pipeline
from backend.protocol import (
    CAMERAS_FILE,
    NORMALS_FILE,
    Done,
    Engine,
    Event,
    Failed,
    Json,
    ProtocolError,
    Request,
    Stage,
)
from backend.storage import check_writable, copy_whole, data_root, write_whole, writing_errors
from backend.terminal import JsonEvents, event_writer, private_stdout
from backend.text_arguments import asks_for_pictures
from backend.text_command import picked, tell_candidates
from backend.view_sets import read_cameras, read_sheet, write_cameras, write_sheet
from backend.work import Resources

log = logging.getLogger(__name__)


def run(arguments: argparse.Namespace) -> int:
    """Run a parsed command; returns the exit code."""
    return _guarded(_COMMANDS[arguments.command], arguments)


def evaluate(argv: Sequence[str]) -> int:
    """Run the command `evaluate`, which brings its own arguments; returns the exit code."""
    from backend.evaluate import cli as evaluate_cli  # Heavy, and no other command needs it.

    parser = Parser(prog="one2345 evaluate", description="Scores over a folder of meshes.")
    evaluate_cli.add_arguments(parser)
    return _guarded(evaluate_cli.run, parser.parse_args(argv))


def _guarded(command: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """Run a command; every error becomes one line and an exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    make_repeatable()
    with (
        private_stdout() as stream,
        io.TextIOWrapper(stream, "utf-8", write_through=True) as text,
        redirect_stdout(text),
    ):
        return _caught(command, arguments)


def _caught(command: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    try:
        return command(arguments)
    except KeyboardInterrupt:
        return _failed(Cancelled("Stopped; what was finished is kept with --job"), arguments)
    except (One2345Error, ProtocolError) as error:
        return _failed(error, arguments)
    except Exception as error:
        log.exception("an unexpected fault")
        return _failed(
            One2345Error(f"An unexpected fault ({error!r}); please report the lines above"), arguments
        )


def _failed(error: One2345Error | ProtocolError, arguments: argparse.Namespace) -> int:
    text = " ".join(str(error).split())
    if getattr(arguments, "json", False):
        sys.stdout.buffer.write(encode(Failed(job=None, code=error.code, message=text)))
    sys.stderr.write(f"error: {text}\n")
    return EXIT_CODES.get(error.code, EXIT_FAULT)


def _make(arguments: argparse.Namespace) -> int:
    """`generate`, `views`, `reconstruct` and `texture`: one job each."""
    folder = arguments.job
    earlier = Job(folder).read_request() if folder and folder.is_dir() else None
    request = request_from(arguments, earlier)
    _check_places(arguments, request)
    if asks_for_pictures(arguments):
        with redirect_stdout(sys.stderr):
            chosen = picked(request, arguments, _resources(request), _events(arguments))
        if chosen is None:
            tell_candidates(arguments)
            return 0
        request = chosen
    if folder is not None:
        return _make_in(Job(folder), request, arguments)
    return _make_in_passing(request, arguments)


def _make_in_passing(request: Request, arguments: argparse.Namespace) -> int:
    """Run a job whose folder nobody asked for; it stays only where it saves work that a failure cut short."""
    with writing_errors(arguments.output):
        folder = Path(tempfile.mkdtemp(prefix=f"{arguments.output.stem}-job-", dir=arguments.output.parent))
    try:
        code = _make_in(Job(folder), request, arguments)
    except BaseException:
        job = Job(folder)
        if any(job.is_whole(stage) and not job.is_given(stage) for stage in Stage):
            sys.stderr.write(f"finished stages are kept: go on with --job {folder}\n")
        else:
            shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)
    return code


def _check_places(arguments: argparse.Namespace, request: Request) -> None:
    """Find out before the work whether its results have a place."""
    output, wanted = arguments.output, SUFFIXES[request.stop_after]
    if output is None and arguments.job is None:
        raise ConfigError("There is no place for the result; name a file with -o or a folder with --job")
    if output is not None:
        if output.suffix.lower() != wanted:
            raise ConfigError(
                f"{output.name} must end in {wanted}, which the stage {request.stop_after} writes"
            )
        check_writable(output)
    for further in (arguments.report, getattr(arguments, "normals", None)):
        if further is not None:
            check_writable(further)


def _make_in(job: Job, request: Request, arguments: argparse.Namespace) -> int:
    if getattr(arguments, "views", None) is not None:
        _take_views(job, arguments.views, request.engine)
    if getattr(arguments, "mesh", None) is not None and request.edited is None:
        _take_mesh(job, arguments.mesh, keep_uvs=request.keep_uvs)
    tell = _events(arguments)  # Before stdout is another: it is where messages go.
    with redirect_stdout(sys.stderr):  # What libraries print must not come between the messages.
        report = run_pipeline(job, request, _resources(request), on_event=tell, name=job.name)
    _hand_over(job, request, report, arguments)
    return 0


def _resources(request: Request) -> Resources:
    device = choose_device(request.device)
    return Resources(
        device=device,
        networks=NetworkCache(device, is_keeping=False),
        matting_model=matting_model_path(data_root(os.environ)),
        root=data_root(os.environ),
    )


def _events(arguments: argparse.Namespace) -> Callable[[Event], None]:
    return JsonEvents(sys.stdout.buffer) if arguments.json else event_writer()


def _take_views(job: Job, path: Path, engine: Engine) -> None:
    """Take over the user's views."""
    if engine is Engine.ONE2345:
        layout = read_cameras(_cameras_beside(path))
        views = read_sheet(path, layout)
        write_cameras(layout, job.folder / CAMERAS_FILE)
        job.replace(Stage.VIEWS, None, lambda parts: write_sheet(views, layout, parts[0]))
    else:
        views = read_views(path)
        job.replace(Stage.VIEWS, None, lambda parts: write_views(views, parts[0]))


def _cameras_beside(sheet: Path) -> Path:
    """The file of cameras of a sheet outside a job."""
    return sheet.with_suffix(f".{CAMERAS_FILE}")


def _take_mesh(job: Job, path: Path, *, keep_uvs: bool) -> None:
    """Take over the user's mesh; whatever is wrong with it is said before anything is kept."""
    source = read_mesh_file(path)
    check_area(source.mesh, path.name)
    layout = own_layout(source, path.name) if keep_uvs else None

    def write(parts: Sequence[Path]) -> None:
        if path.suffix.lower() == ".glb":
            shutil.copyfile(path, parts[0])
        else:
            write_glb(layout or source.mesh, parts[0], extras={})

    job.replace(Stage.MESH, None, write)


def _hand_over(job: Job, request: Request, report: dict[str, Json], arguments: argparse.Namespace) -> None:
    """Copy the result to where it was asked for, and tell."""
    made = job.results(request)[0]
    target = arguments.output or made
    if arguments.output is not None:
        copy_whole(made, arguments.output)
        for number, level in enumerate(job.levels(request), start=1):
            copy_whole(level, arguments.output.with_suffix(f".lod{number}{arguments.output.suffix}"))
        if request.engine is Engine.ONE2345 and request.stop_after is Stage.VIEWS:
            copy_whole(job.folder / CAMERAS_FILE, _cameras_beside(arguments.output))
    if getattr(arguments, "normals", None) is not None:
        copy_whole(job.folder / NORMALS_FILE, arguments.normals)
    if arguments.report is not None:
        write_whole(arguments.report, (json.dumps(report, indent=2) + "\n").encode())
    if arguments.json:
        done = Done(job=job.name, paths=(str(target.resolve()),), report=report)
        sys.stdout.buffer.write(encode(done))
        return
    facts = ""
    if isinstance(mesh := report["mesh"], dict):
        closed = "watertight" if mesh["watertight"] else "not watertight"
        facts = f", {mesh['faces']} triangles, {closed}"
    sys.stdout.write(f"{target}{facts}, {report['seconds']:.1f} s\n")


def _doctor(arguments: argparse.Namespace) -> int:
    is_well = run_doctor(arguments.weights, data_root(os.environ), as_json=arguments.json)
    return 0 if is_well else EXIT_CHECK


def _engines(arguments: argparse.Namespace) -> int:
    print_engines(data_root(os.environ), choose_device(arguments.device), as_json=arguments.json)
    return 0


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "generate": _make,
    "views": _make,
    "reconstruct": _make,
    "texture": _make,
    "models": manage_models,
    "engines": _engines,
    "doctor": _doctor,
}
