"""The command `evaluate`: scores of the product over a folder of true objects."""

import argparse
import dataclasses
import json
import logging
import math
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from backend.devices import choose_device, device_name
from backend.errors import Cancelled, ConfigError, GpuMemoryError, InputError, One2345Error, StorageError
from backend.evaluate import runs
from backend.evaluate.faults import Fault, with_fault
from backend.evaluate.metrics import F_THRESHOLDS
from backend.evaluate.pictures import input_elevation
from backend.evaluate.scoring import Scores, colour_scores, geometry_scores, view_scores
from backend.evaluate.sheets import Row, make_row, write_sheet
from backend.evaluate.subjects import Subject, find_files, input_picture, read_subject, true_views, views_from
from backend.evaluate.surface import NUM_SAMPLES
from backend.evaluate.table import comparison, of_engine, summary
from backend.geometry.anchors import NUM_ANCHORS, NUM_NEIGHBOURS, STARTER_LAYOUT
from backend.geometry.cameras import NUM_VIEWS, RIGS, ViewRig
from backend.models.cache import NetworkCache
from backend.models.registry import find_weights, matting_model_path, rig_of
from backend.protocol import Device, Engine, Preset
from backend.reports import versions
from backend.storage import check_writable, data_root
from backend.view_sets import SheetCameras
from backend.work import Resources

log = logging.getLogger(__name__)

ALIGNMENT = "none: poses agree by construction; each mesh is scaled to its own unit box"
CHAMFER = "sum of both directions' mean distances"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="of GLB files, front to +Z, +Y up")
    parser.add_argument(
        "--from",
        dest="route",
        choices=("image", "views"),
        default="image",
        help="start from one rendered picture, or from the six true views",
    )
    parser.add_argument("--report", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--sheet", type=Path, metavar="SHEET.png", help="a picture to look at")
    parser.add_argument("--worst", type=int, metavar="N", help="show the N worst on the sheet, worst first")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N files")
    parser.add_argument(
        "--rig", choices=sorted(RIGS), help="cameras of the true views; else the weights' own"
    )
    parser.add_argument(
        "--fault",
        choices=[fault.value for fault in Fault],
        default=Fault.NONE.value,
        help="make the true views imperfect",
    )
    parser.add_argument(
        "--bare", action="store_true", help="score the mesh with the shape network's colours, untextured"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--preset", choices=[preset.value for preset in Preset], default=Preset.STANDARD.value
    )
    parser.add_argument("--device", choices=[device.value for device in Device], default=Device.AUTO.value)
    parser.add_argument("--weights", default="starter", metavar="NAME|FOLDER")
    parser.add_argument(
        "--engine",
        type=_engines,
        default=(Engine.ONE2345_PLUS,),
        metavar="NAME[,NAME]",
        help=f"methods to compare on the same objects: {', '.join(Engine)}",
    )


def _engines(text: str) -> tuple[Engine, ...]:
    """Names of engines."""
    try:
        return tuple(dict.fromkeys(Engine(name) for name in text.split(",")))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be of {', '.join(Engine)}; got {text!r}") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class _Evaluation:
    """One call of the command."""

    route: runs.Route
    setup: runs.Setup
    rig: ViewRig
    fault: Fault
    scratch: Path

    @property
    def device(self) -> torch.device:
        return self.setup.resources.device

    def judge(self, path: Path, number: int, engine: Engine) -> tuple[dict[str, object], Row | None]:
        """Run and score one object with one engine.

        A job that fails scores zero and says why; a file that cannot be read has no scores.
        """
        start = time.monotonic()
        try:
            subject = read_subject(path)
        except InputError as error:
            log.warning("%s is left out: %s", path.name, error)
            return {"name": path.stem, "engine": engine.value, "error": str(error), "scores": {}}, None
        truth = true_views(subject, self.rig, device=self.device)
        given = None
        if self.route == "image":
            given = input_picture(subject, seed=self.setup.seed + number, device=self.device)
        entry: dict[str, object] = {"name": subject.name, "engine": engine.value}
        try:
            result = self._result(
                subject, given, truth, number, dataclasses.replace(self.setup, engine=engine)
            )
        except (Cancelled, ConfigError, GpuMemoryError, StorageError):
            raise
        except One2345Error as error:
            log.warning("%s: %s", subject.name, error)
            entry |= {"error": str(error), "scores": _failure()}
            return entry, make_row(given, truth, None, subject.mesh, device=self.device)
        entry |= {"scores": self._scores(result, subject, truth), "seconds": result.seconds}
        entry["peak_mib"] = result.peak_mib
        if result.elevation_deg is not None:
            error_deg = abs(result.elevation_deg - math.degrees(input_elevation(self.setup.seed + number)))
            entry["elevation_error_deg"] = round(error_deg, 2)
        entry["seconds_in_all"] = round(time.monotonic() - start, 2)
        return entry, make_row(given, shown_views(result), result.mesh, subject.mesh, device=self.device)

    def _result(
        self,
        subject: Subject,
        given: torch.Tensor | None,
        truth: torch.Tensor,
        number: int,
        setup: runs.Setup,
    ) -> runs.Result:
        seed = setup.seed + number
        folder = self.scratch / f"{number:05d}-{setup.engine}"
        if given is not None:
            return runs.from_picture(given, folder, setup)
        if setup.engine is Engine.ONE2345_PLUS:
            return runs.from_views(with_fault(truth, self.fault, seed=seed), folder, setup)
        cameras = STARTER_LAYOUT.cameras(torch.tensor(input_elevation(seed)))
        views = views_from(subject, cameras, STARTER_LAYOUT.tile_px, device=self.device)
        layout = SheetCameras(NUM_ANCHORS, NUM_NEIGHBOURS, cameras)
        return runs.from_view_set(with_fault(views, self.fault, seed=seed), layout, folder, setup)

    def _scores(self, result: runs.Result, subject: Subject, truth: torch.Tensor) -> Scores:
        scores = geometry_scores(result.mesh, subject.mesh, device=self.device)
        scores |= colour_scores(result.mesh, subject.mesh, true_views=truth, rig=self.rig, device=self.device)
        if self.route == "image":
            true = truth
            if result.cameras is not None:
                true = views_from(subject, result.cameras, result.views.shape[-1], device=self.device)
            if result.views.shape == true.shape:
                scores |= view_scores(result.views, true)
        return scores


def shown_views(result: runs.Result) -> torch.Tensor:
    """Six of a job's views."""
    count = len(result.views)
    return result.views[torch.arange(NUM_VIEWS) * count // NUM_VIEWS]


def run(args: argparse.Namespace) -> int:
    """Score every object, write the report and the sheet, print the means."""
    files = find_files(args.folder, limit=args.limit)
    for target in (args.report, args.sheet):
        if target is not None:
            check_writable(target)
    if args.route == "image" and (args.rig or args.fault != Fault.NONE):
        raise InputError("The options --rig and --fault are about true views; add --from views")
    if args.rig and Engine.ONE2345 in args.engine:
        raise InputError(f"The engine {Engine.ONE2345} has cameras of its own; leave out --rig")
    rig = RIGS[args.rig] if args.rig else rig_of(find_weights(args.weights, data_root(os.environ)))
    setup = runs.Setup(
        resources=_resources(Device(args.device)),
        seed=args.seed,
        preset=Preset(args.preset),
        weights=args.weights,
        rig=args.rig,
        is_bare=args.bare,
    )
    entries: list[dict[str, object]] = []
    rows: list[tuple[float, Row]] = []
    with tempfile.TemporaryDirectory(prefix="one2345-evaluate-") as scratch:
        evaluation = _Evaluation(
            route=args.route, setup=setup, rig=rig, fault=Fault(args.fault), scratch=Path(scratch)
        )
        for number, path in enumerate(files):
            for engine in args.engine:
                entry, row = evaluation.judge(path, number, engine)
                entries.append(entry)
                rows += [(_quality(entry), row)] if row is not None else []
                sys.stderr.write(f"{number + 1}/{len(files)} {_line(entry)}\n")
                _write_report(args, entries, evaluation)
    if args.sheet is not None and rows:
        chosen = sorted(rows, key=lambda item: item[0])[: args.worst] if args.worst else rows
        write_sheet([row for _, row in chosen], args.sheet)
    if len(args.engine) > 1:
        sys.stdout.write(comparison(entries))
    else:
        sys.stdout.write(_means(summary(entries)))
    return 0


def _resources(wanted: Device) -> Resources:
    device = choose_device(wanted)
    return Resources(
        device=device,
        networks=NetworkCache(device, is_keeping=True),
        matting_model=matting_model_path(data_root(os.environ)),
        root=data_root(os.environ),
    )


def _quality(entry: dict[str, object]) -> float:
    """What the worst are chosen by."""
    scores = entry["scores"]
    return float(scores[f"f_{F_THRESHOLDS[0]}"]) if isinstance(scores, dict) else 0.0


def _failure() -> Scores:
    """Scores of an object without a result; what has no worst value is left out."""
    zeros = [
        *(f"f_{threshold}" for threshold in F_THRESHOLDS),
        "normal_consistency",
        "volume_iou",
        "watertight",
    ]
    return dict.fromkeys(zeros, 0.0)


def _write_report(
    args: argparse.Namespace, entries: Sequence[dict[str, object]], evaluation: _Evaluation
) -> None:
    """Write what is known so far, so that a stopped evaluation keeps it."""
    report = {
        "protocol": {
            "from": args.route,
            "samples": NUM_SAMPLES,
            "alignment": ALIGNMENT,
            "chamfer": CHAMFER,
            "seed": args.seed,
            "preset": args.preset,
            "weights": args.weights,
            "rig": args.rig,
            "fault": args.fault,
            "bare": args.bare,
            "engines": [engine.value for engine in args.engine],
        },
        "device": device_name(evaluation.device),
        "versions": versions(),
        "failures": sum("error" in entry for entry in entries),
        "summary": summary(of_engine(args.engine[0], entries)),
        "summaries": {engine.value: summary(of_engine(engine, entries)) for engine in args.engine},
        "objects": list(entries),
    }
    try:
        args.report.write_text(json.dumps(report, indent=2) + "\n")
    except OSError as error:
        raise StorageError(f"Cannot write {args.report} ({error.strerror}); choose another place") from error


def _line(entry: dict[str, object]) -> str:
    scores = entry["scores"]
    if "error" in entry or not isinstance(scores, dict):
        return f"{entry['name']}: {entry.get('error')}"
    shape = f"F@0.05 {scores['f_0.05']:.3f}, Chamfer {scores['chamfer']:.4f}"
    colour = f"PSNR {scores['six_psnr_grey']:.2f} / {scores['others_psnr_grey']:.2f} dB"
    return f"{entry['name']} ({entry['engine']}): {shape}, {colour}, {entry['seconds_in_all']} s"


def _means(found: dict[str, object]) -> str:
    lines = []
    for name, value in found.items():
        if isinstance(value, dict):
            low, high = value["interval"]
            mean = f"mean {value['mean']:8.4f} [{low:.4f}, {high:.4f}]"
            lines.append(f"{name:20} {mean}  worst {value['worst']:8.4f}  n {value['count']}\n")
    return "".join(lines)
