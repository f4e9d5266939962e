"""How long each stage takes on this machine, learned from its own runs and kept in the data folder."""

import copy
import functools
import json
import logging
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..backend.protocol import ENGINE_STAGES, Engine, Preset, ProtocolError, Request, Stage
from ..backend.records import parse_json
from .files import replace_file

log = logging.getLogger(__name__)

FILE = "timings.json"
KEPT_RUNS = 5

Times = dict[str, dict[str, dict[str, list[float]]]]
"""Seconds of the last runs, by device, preset and stage."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """Jobs that take about the same time."""

    preset: Preset
    engine: Engine = Engine.ONE2345_PLUS
    weights: str = "starter"

    @property
    def key(self) -> str:
        """What the file calls it."""
        plain = Kind(preset=self.preset)
        return self.preset.value if self == plain else f"{self.preset} {self.engine} {self.weights}"


def kind_of(request: Request) -> Kind:
    """The kind of a job."""
    return Kind(preset=request.preset, engine=request.engine, weights=request.weights)


def record(data_root: Path, *, device: str, kind: Kind, seconds: Mapping[Stage, float]) -> None:
    """Add the stages of a run that were made anew; other entries of the file stay as they are."""
    made = {stage: value for stage, value in seconds.items() if value > 0}
    if not made:
        return
    times = _read(data_root)
    times[device] = times.pop(device, {})  # the device used last stands last
    stages = times[device].setdefault(kind.key, {})
    for stage, value in made.items():
        stages[stage.value] = [*stages.get(stage.value, []), round(value, 3)][-KEPT_RUNS:]
    try:
        replace_file(data_root / FILE, json.dumps(times, indent=1).encode())
    except OSError as error:
        log.warning("cannot keep the times of this machine: %s", error)


def expected(data_root: Path, *, device: str, kind: Kind) -> dict[Stage, float]:
    """The usual seconds of each stage; empty until a whole job was seen on this device."""
    stages = _read(data_root).get(device, {}).get(kind.key, {})
    wanted = ENGINE_STAGES[kind.engine]
    known = {stage: statistics.median(stages[stage.value]) for stage in wanted if stages.get(stage.value)}
    return known if len(known) == len(wanted) else {}


def usual_seconds(
    data_root: Path, *, device: str, engine: Engine = Engine.ONE2345_PLUS, weights: str = "starter"
) -> dict[Preset, float]:
    """The usual time of a whole job by preset, for those that are known."""
    kinds = [Kind(preset=preset, engine=engine, weights=weights) for preset in Preset]
    times = {kind.preset: sum(expected(data_root, device=device, kind=kind).values()) for kind in kinds}
    return {preset: seconds for preset, seconds in times.items() if seconds}


def last_device(data_root: Path) -> str:
    """The device that was measured last, for a panel drawn before the backend runs; empty without any."""
    return next(reversed(_read(data_root)), "")


def _read(data_root: Path) -> Times:
    """A copy of the file's content; panels ask at every redraw, so it is parsed only when it has changed."""
    path = data_root / FILE
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return {}
    return copy.deepcopy(_parsed(path, changed))


@functools.lru_cache(maxsize=2)
def _parsed(path: Path, _changed: int) -> Times:
    try:
        return _checked(parse_json(path.read_bytes()))
    except (OSError, ProtocolError) as error:
        log.info("no times of this machine: %s", error)
        return {}


def _checked(data: object) -> Times:
    """The part of a file's content that is of our making."""
    if not isinstance(data, dict):
        return {}
    return {
        device: {
            preset: {
                stage: [float(value) for value in values if isinstance(value, int | float)]
                for stage, values in stages.items()
                if isinstance(values, list)
            }
            for preset, stages in presets.items()
            if isinstance(stages, dict)
        }
        for device, presets in data.items()
        if isinstance(presets, dict)
    }
