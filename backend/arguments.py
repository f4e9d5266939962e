"""The arguments of the command line, and how its exit codes follow from errors.

Exit codes:

    0    done
    1    an unexpected fault; the traceback is in the log
    2    a setting or an argument that cannot be
    3    a picture, mask, mesh or view sheet that cannot be used
    4    weights missing, damaged or unfitting
    5    a job's artifacts missing, damaged or unfitting
    6    out of memory
    7    the asked-for device is not there
    8    a full disk, or a place that cannot be written
    9    a check (`doctor`, `models verify`) found something wrong
    10   a download broke off; the same command goes on
    11   something cannot be installed on this machine
    130  stopped by Ctrl+C
"""

import argparse
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import NoReturn, TypeVar

from backend.protocol import Device, Engine, Preset, ProtocolError, Request, Stage
from backend.text_arguments import add_prompt, text_from

EXIT_CODES = {
    "error": 1,
    "config": 2,
    "protocol": 2,
    "input": 3,
    "nothing_found": 3,
    "weights": 4,
    "artifact": 5,
    "gpu_memory": 6,
    "device": 7,
    "storage": 8,
    "network": 10,
    "install": 11,
    "cancelled": 130,
}
EXIT_FAULT, EXIT_USAGE, EXIT_CHECK = 1, 2, 9

SUFFIXES = {
    Stage.MATTE: ".png",
    Stage.VIEWS: ".png",
    Stage.OCCUPANCY: ".npz",
    Stage.SHAPE: ".npz",
    Stage.MESH: ".glb",
    Stage.TEXTURE: ".glb",
}
"""What the file of a stage ends in."""


EnumT = TypeVar("EnumT", bound=StrEnum)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments and end."""
        self.exit(EXIT_USAGE, f"error: {message}; see {self.prog} --help\n")


def make_parser() -> Parser:
    """The parser of all commands but `evaluate`, which brings its own arguments."""
    parser = Parser(prog="one2345", description="One picture to a textured mesh.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    generate = commands.add_parser("generate", help="a picture, or words, to a textured mesh")
    _add_picture(generate)
    add_prompt(generate)
    generate.add_argument("--stop-after", type=_one_of(Stage), default=Stage.TEXTURE)
    generate.add_argument(
        "--from",
        dest="start_from",
        type=_one_of(Stage),
        help="make this stage and all later ones anew",
    )
    _add_engine(generate)
    _add_reroll(generate)
    _add_control(generate)
    _add_shape(generate)
    _add_photo(generate)
    _add_common(generate)
    views = commands.add_parser("views", help="a picture to views of the object")
    _add_picture(views)
    _add_engine(views)
    _add_reroll(views)
    _add_control(views)
    _add_common(views)
    reconstruct = commands.add_parser("reconstruct", help="six views to a textured mesh")
    reconstruct.add_argument(
        "views",
        type=Path,
        metavar="VIEWS",
        help="3 rows x 2 columns of square views, or what `views --engine one2345` wrote",
    )
    _add_engine(reconstruct)
    _add_rig(reconstruct)
    _add_shape(reconstruct)
    _add_photo(reconstruct)
    _add_common(reconstruct)
    texture = commands.add_parser("texture", help="a mesh and six views to a textured mesh")
    texture.add_argument("mesh", type=Path, metavar="MESH", help="GLB, glTF, OBJ, PLY or STL")
    texture.add_argument(
        "views",
        type=Path,
        metavar="VIEWS",
        nargs="?",
        help="3 rows x 2 columns of square views; without, MESH is an edited copy of the job's mesh",
    )
    texture.add_argument(
        "--keep-uvs", action="store_true", help="paint into the mesh's own texture coordinates"
    )
    texture.add_argument("--texture", type=int, metavar="PX", dest="texture_px", help="side of the texture")
    _add_photo(texture)
    _add_engine(texture)
    _add_rig(texture)
    _add_common(texture)
    commands.add_parser("evaluate", help="scores over a folder of meshes")
    _add_models(commands.add_parser("models", help="sets of weights"))
    engines = commands.add_parser("engines", help="methods and weights: what they need, which can run here")
    engines.add_argument("--device", type=_one_of(Device), default=Device.AUTO)
    engines.add_argument("--json", action="store_true", help="for programs")
    doctor = commands.add_parser("doctor", help="check that everything needed is there")
    doctor.add_argument("--weights", default="starter", metavar="NAME|FOLDER")
    doctor.add_argument("--json", action="store_true", help="for programs")
    commands.add_parser("worker", help="the process that Blender talks to")
    return parser


def _one_of(kind: type[EnumT]) -> Callable[[str], EnumT]:
    """Read one of an enum's values; argparse's own message would name the class instead of the values."""

    def read(text: str) -> EnumT:
        if text not in set(kind):
            raise argparse.ArgumentTypeError(f"must be one of {', '.join(kind)}; got {text!r}")
        return kind(text)

    return read


def _add_picture(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", nargs="?", help="optional when --job has one")
    parser.add_argument("--mask", metavar="FILE", help="bright or opaque where the object is")


def _add_engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine",
        type=_one_of(Engine),
        help=f"the method; `engines` lists them; default: {Engine.ONE2345_PLUS}",
    )


def _add_reroll(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reroll", type=_tiles, metavar="N,N", help="draw these of the job's six views anew, keep the others"
    )
    parser.add_argument("--reroll-seed", type=int, metavar="N", help="another one draws them differently")


def _add_control(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--depth",
        metavar="SHEET",
        help="six depth pictures, from 0 to 1 over the object, that steer the views; for zero123plus-v1.1",
    )
    parser.add_argument(
        "--normals", type=Path, metavar="OUT", help="write the views' normals too; for zero123plus-v1.2"
    )


def _tiles(text: str) -> tuple[int, ...]:
    """Numbers of tiles."""
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be numbers from 1 to 6 like 2,5; got {text!r}") from error


def _add_photo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--photo",
        dest="use_photo",
        action=argparse.BooleanOptionalAction,
        help="let the picture itself paint what it shows of the mesh (the default)",
    )


def _counts(text: str) -> tuple[int, ...]:
    """Numbers of triangles, the first level's first."""
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"must be numbers of triangles like 20000 or 50000,10000,2000; got {text!r}"
        ) from error


def _add_rig(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rig", metavar="NAME", help="cameras of the views; default: those of the weights")


def _add_shape(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--faces",
        type=_counts,
        metavar="N[,N...]",
        help="triangles of the mesh; more numbers add levels of detail, OUT.lod1.glb and so on",
    )
    parser.add_argument(
        "--flat-base",
        action=argparse.BooleanOptionalAction,
        help="cut the underside flat so that the object stands",
    )
    parser.add_argument(
        "--normal-map",
        action=argparse.BooleanOptionalAction,
        help="bake the surface before simplification into a normal map; default: the preset's",
    )
    parser.add_argument("--texture", type=int, metavar="PX", dest="texture_px", help="side of the texture")


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="file to write")
    parser.add_argument("--seed", type=int, metavar="N")
    parser.add_argument("--preset", type=_one_of(Preset))
    parser.add_argument(
        "--weights", metavar="NAME|FOLDER", help="a set that `models list` names, or a folder"
    )
    parser.add_argument("--device", type=_one_of(Device))
    parser.add_argument(
        "--job", type=Path, metavar="FOLDER", help="keep all artifacts here and go on from them"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write seconds, memory and more as JSON")
    parser.add_argument("--json", action="store_true", help="events as lines of JSON on stdout")


def _add_models(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the sets that are known")
    listing.add_argument("--json", action="store_true", help="for programs")
    for name, text in (("verify", "check every file of a set"), ("seal", "write a set's checksums anew")):
        action = actions.add_parser(name, help=text)
        action.add_argument("set", nargs="?", default="starter", metavar="NAME|FOLDER")
    for name, text in (
        ("download", "fetch a model that is listed; goes on where it broke off"),
        ("remove", "delete a model that was downloaded"),
        ("import", "take a model over from a folder"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("model", metavar="NAME")
        if name == "download":
            action.add_argument(
                "--accept-licence", action="store_true", help="of a model that does not allow every use"
            )
        if name == "import":
            action.add_argument("folder", type=Path, metavar="FOLDER")


def request_from(arguments: argparse.Namespace, earlier: Request | None) -> Request:
    """What the arguments ask for; what they leave open is as in the job's earlier request.

    Raises:
        ProtocolError: when a value is out of range.
        ConfigError: when words and a picture are named.
    """
    base = earlier or Request()
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    paths = {name: str(Path(given[name]).resolve()) for name in ("image", "mask", "depth") if name in given}
    values = {
        name: given.get(name, getattr(base, name))
        for name in (
            "seed",
            "preset",
            "texture_px",
            "weights",
            "engine",
            "rig",
            "device",
            "use_photo",
            "flat_base",
            "normal_map",
        )
    }
    return Request(
        image=paths.get("image", base.image),
        mask=paths.get("mask", None if "image" in paths else base.mask),
        depth=paths.get("depth", base.depth),
        normals="normals" in given or base.normals,
        start_from=given.get("start_from"),
        stop_after=Stage.VIEWS if arguments.command == "views" else given.get("stop_after", Stage.TEXTURE),
        keep_uvs=given.get("keep_uvs", False),
        edited=_edited(arguments),
        faces=given["faces"][0] if "faces" in given else base.faces,
        lods=given["faces"][1:] if "faces" in given else base.lods,
        reroll=given.get("reroll", ()),
        reroll_seed=given.get("reroll_seed", 0),
        text=text_from(arguments, earlier),
        **values,
    )


def _edited(arguments: argparse.Namespace) -> str | None:
    """The edited mesh of `texture --job FOLDER MESH`.

    Raises:
        ProtocolError: when neither views nor a job say what it is to be painted with.
    """
    if arguments.command != "texture" or arguments.views is not None:
        return None
    if arguments.job is None or not arguments.job.is_dir():
        raise ProtocolError("name a sheet of views after the mesh, or with --job the job that it was made by")
    return str(arguments.mesh.resolve())
