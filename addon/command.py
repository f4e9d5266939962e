"""`blender --command one2345 ...`: what scripts do that have no script.

    generate PICTURE -o OUT       one picture to a .glb or .blend file
    queue                         the jobs there are
    queue FOLDER -o OUT_FOLDER    all pictures of a folder, with a contact sheet
    serve                         jobs as lines of JSON on standard input and output, see serving.py
    install                       what the backend needs; --repair mends what is there
    verify                        whether all of that is as it should be; changes nothing
    models, engines, doctor       the backend's own commands of these names

The exit status is 0 when all went well, 1 after a failure and 2 after a mistake in the call.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import bpy

from ..backend.protocol import Engine
from . import contact_sheet, history, jobs, pictures, results, scripting
from .errors import AddonError
from .installer import state
from .installer.operators import check_online
from .job import Job, JobState
from .launch import child_environment
from .preferences import data_root, launch_from, preferences
from .quality import PRESETS
from .serving import facts, serve, standard_streams

NAME = "one2345"
_BLEND, _GLB = ".blend", ".glb"
SHEET_FILE = "contact-sheet.png"
_NUM_LISTED = 50
_POLL_S = 0.02
_BACKENDS_OWN = {
    "models": "the networks that are installed",
    "engines": "methods and weights with what they need",
    "doctor": "check the backend",
}


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as in the backend's command line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def run(arguments: Sequence[str]) -> int:
    """Run a command; returns the exit status."""
    try:
        options = _parser().parse_args(arguments[:1] if _is_backends_own(arguments) else arguments)
    except SystemExit as end:
        return int(end.code or 0)
    try:
        return _ask_backend(arguments) if _is_backends_own(arguments) else options.run(options)
    except (AddonError, RuntimeError, OSError) as error:
        return _refuse(str(error), options)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=f"blender --command {NAME}", description="One picture to a textured mesh.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    generate = commands.add_parser("generate", help="a picture to a textured mesh")
    generate.add_argument("image", metavar="IMAGE", nargs="?")
    generate.add_argument("--prompt", metavar="TEXT", help="words in place of a picture")
    generate.add_argument("--text-model", default="sdxl-turbo", metavar="NAME|ID|FOLDER", help="what draws")
    generate.add_argument("--pick", type=int, default=1, metavar="K", help="which of the drawn pictures")
    generate.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help=f"a {_GLB} or {_BLEND} file"
    )
    _add_options(generate)
    generate.set_defaults(run=_generate)
    queue = commands.add_parser("queue", help="list the jobs; with a folder, work through its pictures")
    queue.add_argument("folder", nargs="?", type=Path, metavar="FOLDER")
    queue.add_argument("-o", "--output", type=Path, metavar="OUT_FOLDER", help="where the meshes go")
    _add_options(queue)
    queue.set_defaults(run=_queue)
    served = commands.add_parser("serve", help="take jobs as lines of JSON on standard input")
    served.set_defaults(run=_serve)
    install = commands.add_parser("install", help="download and install what the backend needs")
    install.add_argument("--from", dest="kit", type=Path, metavar="FOLDER", help="made by build.py offline")
    install.add_argument("--torch", default="", metavar="BUILD", help="a build of torch, if not the best one")
    install.add_argument("--repair", action="store_true", help="verify every file, fetch what is damaged")
    install.add_argument("--test", action=argparse.BooleanOptionalAction, default=True, help="a small mesh")
    install.add_argument("--json", action="store_true", help="tell the outcome as JSON on standard output")
    install.set_defaults(run=_install)
    verify = commands.add_parser("verify", help="check packages and models; changes nothing")
    verify.add_argument("--json", action="store_true", help="tell the outcome as JSON on standard output")
    verify.set_defaults(run=_verify)
    for name, text in _BACKENDS_OWN.items():
        commands.add_parser(name, help=text)
    return parser


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    names = [name.lower() for name, *_ in PRESETS]
    parser.add_argument("--preset", choices=names, default="standard")
    parser.add_argument("--engine", choices=list(Engine), default=Engine.ONE2345_PLUS)
    parser.add_argument("--weights", default="starter", metavar="NAME|FOLDER")
    parser.add_argument("--faces", type=int, default=0, metavar="N")
    parser.add_argument("--texture", type=int, default=0, metavar="PX")
    parser.add_argument(
        "--photo", action=argparse.BooleanOptionalAction, default=True, help="paint from the picture itself"
    )
    parser.add_argument("--flat-base", action="store_true", help="cut the underside flat")
    parser.add_argument("--size", type=float, default=1.0, metavar="METRES", help="longest side")
    parser.add_argument("--json", action="store_true", help="tell the outcome as JSON on standard output")


def _generate(options: argparse.Namespace) -> int:
    output = options.output.resolve()
    if output.suffix not in (_BLEND, _GLB):
        return _refuse(f"cannot write {options.output}; name a {_GLB} or {_BLEND} file", options)
    if bool(options.image) == bool(options.prompt):
        return _refuse("name a picture or a prompt", options)
    picture = Path(options.image).resolve() if options.image else _drawn(options)
    job = _make(picture, options)
    mesh = results.result(job.id)  # raises what went wrong
    if output.suffix == _BLEND:
        results.import_result(job.id)
        bpy.ops.wm.save_as_mainfile(filepath=str(output))
    else:
        shutil.copyfile(mesh, output)
    _tell(options, {"ok": True, "output": str(output), **facts(job)})
    return 0


def _drawn(options: argparse.Namespace) -> bpy.types.Image:
    """Draw the chosen picture, and those before it."""
    drawing = scripting.draw_pictures(
        options.prompt, candidates=options.pick, seed=options.seed, model=options.text_model
    )
    scripting.wait(drawing)
    return scripting.pictures(drawing)[-1]


def _queue(options: argparse.Namespace) -> int:
    if options.folder is None:
        return _list_jobs(options)
    if options.output is None:
        return _refuse("name the folder that the meshes go to with -o", options)
    found = pictures.pictures_in(options.folder.resolve())
    output = options.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    done = [_try_one(path, output, options) for path in found]
    finished = [job for job in done if job.state is JobState.DONE]
    if finished:
        contact_sheet.write_png(contact_sheet.sheet_of(finished), output / SHEET_FILE)
    _tell(options, {"ok": len(finished) == len(done), "jobs": [facts(job) for job in done]})
    return 0 if len(finished) == len(done) else 1


def _try_one(path: Path, output: Path, options: argparse.Namespace) -> Job:
    """Make one of many; what goes wrong is told and does not stop the others."""
    job = _make(path, options)
    if job.state is JobState.DONE:
        shutil.copyfile(results.result(job.id), output / f"{path.stem}{_GLB}")
    else:
        sys.stderr.write(f"{path.name}: {_line(job.message)}\n")
    return job


def _make(picture: Path | bpy.types.Image, options: argparse.Namespace) -> Job:
    """Run a job to its end, good or bad."""
    job_id = scripting.submit(
        picture,
        seed=options.seed,
        preset=options.preset,
        engine=options.engine,
        weights=options.weights,
        faces=options.faces or None,
        texture_px=options.texture or None,
        use_photo=options.photo,
        flat_base=options.flat_base,
        size=options.size,
    )
    return jobs.wait(job_id)


def _list_jobs(options: argparse.Namespace) -> int:
    found = history.earlier_jobs(data_root(preferences(bpy.context)), count=_NUM_LISTED)
    if options.json:
        _tell(options, {"jobs": [facts(job) for job in found]})
    for job in found if not options.json else ():
        sys.stdout.write(
            f"{job.id}  {job.state.value}  {job.request.preset.value}  seed {job.request.seed}\n"
        )
    return 0


def _serve(options: argparse.Namespace) -> int:
    """Keep the backend for all the requests that come; what is wrong with it is told before the first."""
    jobs.start_backend(launch_from(bpy.context))
    with standard_streams() as (source, sink):
        return serve(source, sink)


def _install(options: argparse.Namespace) -> int:
    """Install, or mend."""
    kit = options.kit.resolve() if options.kit else None
    if not state.can_install():
        return _refuse("this zip brings no installer; name a Python in ONE2345_PYTHON", options)
    if kit is None:
        check_online()
    elif not (kit / "wheels").is_dir():
        return _refuse(f"{options.kit} holds no packages; name a folder made by build.py offline", options)
    request = state.Request(kit=kit, is_repair=options.repair, torch=options.torch, has_test=options.test)
    state.start(data_root(preferences(bpy.context)), request)
    return _follow_installer(options)


def _verify(options: argparse.Namespace) -> int:
    state.verify(data_root(preferences(bpy.context)))
    return _follow_installer(options)


def _follow_installer(options: argparse.Namespace) -> int:
    """Wait for the installer; its steps are told on standard error."""
    work, told = state.INSTALLATION, 0
    while work.is_busy:
        work.poll()
        if work.step is not None and work.step.number != told:
            told = work.step.number
            sys.stderr.write(f"{work.step.title} ({told}/{work.step.count})\n")
        time.sleep(_POLL_S)
    if work.problems:
        _tell(options, {"ok": False, "problems": work.problems})
        sys.stderr.writelines(f"error: {_line(text)}\n" for text in work.problems)
        return 1
    if work.phase is state.Phase.FAILED:
        return _refuse(work.message, options)
    _tell(options, {"ok": True, "message": work.message})
    return 0


def _is_backends_own(arguments: Sequence[str]) -> bool:
    return bool(arguments) and arguments[0] in _BACKENDS_OWN


def _ask_backend(arguments: Sequence[str]) -> int:
    """Hand a command on to the backend's own command line, options and all."""
    launch = launch_from(bpy.context)
    command = [str(launch.python), "-m", "backend", *arguments]
    done = subprocess.run(
        command,
        env=child_environment(os.environ, launch.data_root),
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    return done.returncode


def _tell(options: argparse.Namespace, facts: Mapping[str, object]) -> None:
    if getattr(options, "json", False):
        sys.stdout.write(json.dumps(facts) + "\n")


def _refuse(text: str, options: argparse.Namespace) -> int:
    line = _line(text)
    _tell(options, {"ok": False, "error": line})
    sys.stderr.write(f"error: {line}\n")
    return 1


def _line(text: str) -> str:
    return " ".join(text.removeprefix("Error:").split())
