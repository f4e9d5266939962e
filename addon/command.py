"""`blender --command one2345 generate IMAGE -o OUT`: the operator for scripts that have no script."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import bpy

from . import jobs
from .properties import PRESETS

NAME = "one2345"
_BLEND, _GLB = ".blend", ".glb"


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as in the backend's command line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def run(arguments: Sequence[str]) -> int:
    """Run a command; returns the exit status."""
    parser = _Parser(prog=f"blender --command {NAME}", description="One picture to a textured mesh.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    generate = commands.add_parser("generate", help="a picture to a textured mesh")
    generate.add_argument("image", metavar="IMAGE")
    generate.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help=f"a {_GLB} or {_BLEND} file"
    )
    generate.add_argument("--seed", type=int, default=0, metavar="N")
    names = [name.lower() for name, *_ in PRESETS]
    generate.add_argument("--preset", choices=names, default="standard")
    generate.add_argument("--faces", type=int, default=0, metavar="N")
    generate.add_argument("--texture", type=int, default=0, metavar="PX")
    generate.add_argument("--size", type=float, default=1.0, metavar="METRES", help="longest side")
    try:
        options = parser.parse_args(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    if options.output.suffix not in (_BLEND, _GLB):
        return _refuse(f"cannot write {options.output}; name a {_GLB} or {_BLEND} file")
    return _generate(options)


def _generate(options: argparse.Namespace) -> int:
    try:
        bpy.ops.one2345.generate(
            filepath=str(Path(options.image).resolve()),
            seed=options.seed,
            preset=options.preset.upper(),
            faces=options.faces,
            texture_px=options.texture,
            size=options.size,
            wait=True,
        )
        _write(options.output.resolve())
    except (RuntimeError, OSError) as error:
        return _refuse(str(error))
    return 0


def _write(output: Path) -> None:
    """The scene with the object, or the mesh file of the job."""
    if output.suffix == _BLEND:
        bpy.ops.wm.save_as_mainfile(filepath=str(output))
    else:
        shutil.copyfile(jobs.result(jobs.recent()[0].id), output)


def _refuse(text: str) -> int:
    sys.stderr.write(f"error: {' '.join(text.removeprefix('Error:').split())}\n")
    return 1
