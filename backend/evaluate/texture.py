"""How well the texture stage does when everything before it is right: true geometry, true views.

    python -m backend.evaluate.texture FOLDER --report FILE.json [--limit N] [--texture PX]

For every object its true mesh gets the colours that a perfect shape network would give it, one colour a
voxel, and is then painted from its six true views. Both are scored at the six cameras and at twelve others.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from backend.artifacts import FINE, SDF_TRUNCATION, SparseShape
from backend.devices import choose_device, device_name, make_repeatable
from backend.errors import InputError, One2345Error
from backend.evaluate.atlas import overlap_pixels, sheet_fill
from backend.evaluate.metrics import summarise
from backend.evaluate.pictures import other_cameras, picture_scores
from backend.evaluate.subjects import Subject, find_files, read_subject, true_views
from backend.geometry.cameras import STARTER_RIG
from backend.geometry.grids import cell_centres
from backend.geometry.marching import shape_colours
from backend.geometry.meshes import Mesh, TexturedMesh, weld, with_colours
from backend.geometry.raycast import Hits
from backend.geometry.render import Surface, render
from backend.presets import PRESETS
from backend.protocol import Device, Preset
from backend.stages.field_fit import FieldFit
from backend.stages.texture import TextureConfig, texture_mesh
from backend.storage import write_whole

PICTURE_PX = STARTER_RIG.tile_px
"""Side of all pictures."""

SHEET_PX = 2048
"""Side of the sheet on which overlaps are looked for."""


@dataclass(frozen=True, slots=True)
class Case:
    """One object: its true pictures, and its mesh with a voxel grid's colours."""

    subject: Subject
    views: Float[Tensor, "v 4 h w"]
    others: Float[Tensor, "o 4 h w"]
    mesh: Mesh


@dataclass(slots=True)
class Clock:
    """Seconds by part, from the reported steps of the texture stage."""

    iterations: int
    start: float = 0.0
    marks: dict[str, float] | None = None

    def __call__(self, step: int, total: int) -> None:
        """Note when each part ends; the first step of the fit counts as what goes before it."""
        names = {
            1: "see",
            self.iterations: "fit",
            self.iterations + 1: "unwrap",
            self.iterations + 2: "bake",
        }
        if self.marks is None:
            self.marks = {}
        if step in names:
            self.marks[names[step]] = time.monotonic() - self.start - sum(self.marks.values())


def read_case(path: Path, *, device: torch.device) -> Case:
    """Read an object and see it.

    Raises:
        InputError: the file cannot be used.
    """
    subject = read_subject(path)
    views = true_views(subject, STARTER_RIG, device=device)
    others = render(subject.mesh, other_cameras(), size=PICTURE_PX, device=device).cpu()
    plain = weld(subject.mesh)
    shape = coloured_shell(subject.mesh, device=device)
    return Case(subject, views, others, with_colours(plain, shape_colours(shape, plain.vertices)))


def coloured_shell(mesh: TexturedMesh, *, device: torch.device) -> SparseShape:
    """Voxels near a mesh with the colour of its nearest point; distances have no sign."""
    surface = Surface(mesh, device=device)
    hits = surface.bvh.closest(cell_centres(FINE, device=surface.bvh.device).reshape(-1, 3))
    near = hits.distance < SDF_TRUNCATION
    kept = Hits(hits.face[near], hits.barycentric[near], hits.distance[near])
    coords = near.reshape((FINE,) * 3).nonzero()
    return SparseShape(coords.cpu(), kept.distance.cpu(), surface.colours(kept).cpu())


def judge(case: Case, *, config: TextureConfig, device: torch.device) -> dict[str, float | None]:
    """Paint a case's mesh and score it."""
    clock = Clock(config.fit.iterations, time.monotonic())
    painted, _ = texture_mesh(
        case.mesh, case.views, STARTER_RIG.cameras(), seed=0, config=config, device=device, on_step=clock
    )
    seconds = time.monotonic() - clock.start
    scores: dict[str, float | None] = {
        "faces": float(len(case.mesh.faces)),
        "fill": sheet_fill(painted.uv, painted.faces),
        "overlap_pixels": float(overlap_pixels(painted.uv, painted.faces, size=SHEET_PX)),
        "seconds": seconds,
    }
    scores |= {f"seconds_{name}": value for name, value in (clock.marks or {}).items()}
    for name, mesh in (("shape", case.mesh), ("ours", painted)):
        for where, cameras, true in (
            ("six", STARTER_RIG.cameras(), case.views),
            ("others", other_cameras(), case.others),
        ):
            pictures = render(mesh, cameras, size=PICTURE_PX, device=device).cpu()
            found = picture_scores(pictures, true)
            scores |= {f"{name}_{where}_{key}": found[key] for key in ("psnr_mask", "psnr_grey")}
    return scores


def main(argv: list[str]) -> int:
    """Run the command; returns the exit code."""
    args = _parser().parse_args(argv)
    make_repeatable()
    device = choose_device(Device(args.device))
    values = PRESETS[Preset(args.preset)]
    config = TextureConfig(texture_px=args.texture_px, fit=FieldFit(iterations=values.texture_iterations))
    found: list[dict[str, object]] = []
    for path in _files(args):
        try:
            case = read_case(path, device=device)
        except InputError as error:
            sys.stderr.write(f"{path.stem} is left out: {error}\n")
            continue
        scores = judge(case, config=config, device=device)
        found.append({"name": case.subject.name, "scores": scores})
        sys.stderr.write(f"{len(found)} {case.subject.name}: {_line(scores)}\n")
        report = {"device": device_name(device), "config": repr(config), "objects": found}
        write_whole(
            args.report, (json.dumps(report | {"summary": _summary(found)}, indent=2) + "\n").encode()
        )
    for name, value in _summary(found).items():
        sys.stdout.write(f"{name:28} {value}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m backend.evaluate.texture")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="of GLB files")
    parser.add_argument("--names", type=Path, metavar="FILE", help="only the objects named in it, one a line")
    parser.add_argument("--report", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--limit", type=int, metavar="N")
    parser.add_argument("--texture", type=int, default=1024, dest="texture_px", metavar="PX")
    parser.add_argument("--preset", choices=[item.value for item in Preset], default=Preset.STANDARD.value)
    parser.add_argument("--device", choices=[item.value for item in Device], default=Device.AUTO.value)
    return parser


def _files(args: argparse.Namespace) -> list[Path]:
    files = find_files(args.folder, limit=None)
    if args.names is not None:
        wanted = set(args.names.read_text().split())
        files = [path for path in files if path.stem in wanted]
    return files[: args.limit]


def _line(scores: dict[str, float | None]) -> str:
    parts = [
        f"{name} {scores[f'{name}_six_psnr_mask']:.2f} / {scores[f'{name}_others_psnr_mask']:.2f} dB"
        for name in ("shape", "ours")
    ]
    return f"{', '.join(parts)}, fill {scores['fill']:.2f}, {scores['seconds']:.1f} s"


def _summary(found: list[dict[str, object]]) -> dict[str, object]:
    rows = [entry["scores"] for entry in found if isinstance(entry["scores"], dict)]
    summary: dict[str, object] = {}
    for name in sorted({name for row in rows for name in row}):
        values = [row[name] for row in rows if row.get(name) is not None]
        result = summarise(values)
        if result is not None:
            numbers = (result.mean, float(np.median(values)), min(values), max(values))
            summary[name] = dict(
                zip(("mean", "median", "least", "most"), (round(x, 4) for x in numbers), strict=True)
            )
    return summary


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except One2345Error as error:
        sys.exit(f"error: {error}")
