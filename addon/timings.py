"""What jobs take on this machine, time and memory, learned from its own runs and kept in the data folder."""

import copy
import functools
import json
import logging
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..backend.protocol import ENGINE_STAGES, Engine, Preset, ProtocolError, Request, Stage
from ..backend.records import Json, parse_json
from .files import replace_file

log = logging.getLogger(__name__)

FILE = "timings.json"
KEPT_RUNS = 5

MEMORY = "memory_mib"
"""What stands beside the stages of a kind: the most memory of the last runs."""

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


def record(
    data_root: Path,
    *,
    device: str,
    kind: Kind,
    seconds: Mapping[Stage, float],
    memory_mib: float | None = None,
) -> None:
    """Add the stages of a run that were made anew; other entries of the file stay as they are.

    Args:
        memory_mib: The most memory of a run that has made all stages.
    """
    made = {stage.value: value for stage, value in seconds.items() if value > 0}
    if not made:
        return
    if memory_mib is not None and set(made) == set(ENGINE_STAGES[kind.engine]):
        made[MEMORY] = memory_mib
    times = _read(data_root)
    times[device] = times.pop(device, {})  # the device used last stands last
    stages = times[device].setdefault(kind.key, {})
    for name, value in made.items():
        stages[name] = [*stages.get(name, []), round(value, 3)][-KEPT_RUNS:]
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


def usual_memory_mib(
    data_root: Path, *, device: str, engine: Engine = Engine.ONE2345_PLUS, weights: str = "starter"
) -> dict[Preset, float]:
    """The most memory that the last whole jobs took, by preset, for those that are known."""
    kept = _read(data_root).get(device, {})
    kinds = [Kind(preset=preset, engine=engine, weights=weights) for preset in Preset]
    return {kind.preset: max(found) for kind in kinds if (found := kept.get(kind.key, {}).get(MEMORY))}


def peak_mib(report: Mapping[str, Json]) -> float | None:
    """The most memory that a job's report tells of: of the graphics card where one was used."""
    stages = report.get("stages")
    entries = (
        [entry for entry in stages.values() if isinstance(entry, dict)] if isinstance(stages, dict) else []
    )
    for name in ("peak_device_mib", "peak_process_mib"):
        if peaks := [float(value) for entry in entries if isinstance(value := entry.get(name), int | float)]:
            return max(peaks)
    return None


def changed(data_root: Path) -> int:
    """A number that changes with what was learned; 0 before there is anything."""
    try:
        return (data_root / FILE).stat().st_mtime_ns
    except OSError:
        return 0


def last_device(data_root: Path) -> str:
    """The device that was measured last, for a panel drawn before the backend runs; empty without any."""
    return next(reversed(_read(data_root)), "")


def _read(data_root: Path) -> Times:
    """A copy of the file's content; panels ask at every redraw, so it is parsed only when it has changed."""
    version = changed(data_root)
    return copy.deepcopy(_parsed(data_root / FILE, version)) if version else {}


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
