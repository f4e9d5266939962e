"""`engines`: methods with the weights that each can run with, what they need, and why one cannot run here."""

import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from backend.devices import device_name, memory
from backend.errors import WeightsError
from backend.models.public_models import public_model
from backend.models.registry import ENGINE_NETWORKS, FREE_LICENCES, WeightSet, weight_sets
from backend.one2345 import check_networks
from backend.protocol import ENGINE_STAGES, Engine, Json, Preset, ProtocolError
from backend.records import parse_json, to_data

MEASURED = Path(__file__).with_name("models") / "measured.json"
"""What the authors of this program measured: peak memory by kind of device, seconds of a whole job."""
TIMES_FILE = "timings.json"
"""Where the add-on keeps how long the stages take on this machine (`addon/timings.py`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineChoice:
    """One engine with one set of weights.

    Attributes:
        is_free: Whether results may be sold.
        is_available: Whether a job can run here now; else `reason` says why not and what to do.
        download_bytes: What is left to download, about.
        memory_mib: Peak memory by kind of device, as far as it was measured.
        seconds: Of a whole job on this machine by preset, as far as jobs ran.
        measured_seconds: Of a whole job by preset and machine, as far as its authors measured it.
    """

    engine: Engine
    weights: str
    licence: str
    is_free: bool
    source: str
    is_available: bool
    reason: str
    download_bytes: int
    memory_mib: dict[str, Json]
    seconds: dict[str, Json]
    measured_seconds: dict[str, Json]


def engine_choices(root: Path, device: torch.device) -> list[EngineChoice]:
    """All engines with all weights that are for them.

    Args:
        root: The data root.
        device: Where jobs would run.
    """
    measured = _read_object(MEASURED)
    times = _read_object(root / TIMES_FILE).get(device_name(device))
    return [
        _choice(engine, weights, root, device, measured, times)
        for engine in Engine
        for weights in weight_sets(root)
        if weights.engine in (None, engine)
    ]


def _choice(
    engine: Engine,
    weights: WeightSet,
    root: Path,
    device: torch.device,
    measured: dict[str, Json],
    times: Json,
) -> EngineChoice:
    facts = measured.get(f"{engine} {weights.name}")
    facts = facts if isinstance(facts, dict) else {}
    needed, took = facts.get("memory_mib"), facts.get("seconds")
    memory_mib = needed if isinstance(needed, dict) else {}
    reason = _missing(engine, weights) or _too_large(memory_mib, device)
    public = public_model(weights.name)
    is_there = public is None or public.is_present(root)
    return EngineChoice(
        engine=engine,
        weights=weights.name,
        licence=weights.licence,
        is_free=weights.licence in FREE_LICENCES,
        source=weights.source,
        is_available=not reason,
        reason=reason,
        download_bytes=0 if public is None or is_there else public.bytes,
        memory_mib=memory_mib,
        seconds=_usual_seconds(times, engine, weights.name),
        measured_seconds=took if isinstance(took, dict) else {},
    )


def _missing(engine: Engine, weights: WeightSet) -> str:
    try:
        check_networks(weights, engine, ENGINE_NETWORKS[engine])
    except WeightsError as error:
        return str(error)
    return ""


def _too_large(memory_mib: dict[str, Json], device: torch.device) -> str:
    """Why this device's memory does not do, where both are known."""
    kind = "cpu" if device.type == "cpu" else "gpu"
    needed, (_, total) = memory_mib.get(kind), memory(device)
    if not isinstance(needed, int | float) or not total or total >= needed * 2**20:
        return ""
    return (
        f"A job takes about {needed / 1024:.1f} GiB of memory, {device_name(device)} has"
        f" {total / 2**30:.1f} GiB; choose other weights or --device cpu"
    )


def _usual_seconds(times: Json, engine: Engine, weights: str) -> dict[str, Json]:
    """Seconds of a whole job by preset: the usual ones of all stages, where every stage was seen."""
    found: dict[str, Json] = {}
    for preset in Preset:
        is_plain = engine is Engine.ONE2345_PLUS and weights == "starter"
        key = preset.value if is_plain else f"{preset} {engine} {weights}"
        stages = times.get(key) if isinstance(times, dict) else None
        if isinstance(stages, dict):
            seen = [stages.get(stage.value) for stage in ENGINE_STAGES[engine]]
            medians = [_median(runs) for runs in seen]
            if all(medians):
                found[preset.value] = round(sum(medians), 1)
    return found


def _median(runs: Json) -> float:
    """Zero where there are no runs."""
    values = [run for run in runs if isinstance(run, int | float)] if isinstance(runs, list) else []
    return statistics.median(values) if values else 0.0


def _read_object(path: Path) -> dict[str, Json]:
    """A JSON object; empty where there is none."""
    try:
        data = parse_json(path.read_bytes())
    except (OSError, ProtocolError):
        return {}
    return data if isinstance(data, dict) else {}


def print_engines(root: Path, device: torch.device, *, as_json: bool) -> None:
    """Write the list to stdout."""
    choices = engine_choices(root, device)
    if as_json:
        sys.stdout.write(json.dumps([to_data(choice) for choice in choices]) + "\n")
        return
    for choice in choices:
        sys.stdout.write(f"{choice.engine:<10} {choice.weights:<17} {'; '.join(_facts(choice))}\n")


def _facts(choice: EngineChoice) -> list[str]:
    found = ["ready" if choice.is_available else "not available"]
    found.append(choice.licence + ("" if choice.is_free else ", not for every use"))
    if choice.download_bytes:
        found.append(f"download about {choice.download_bytes / 2**30:.1f} GiB")
    found += [
        f"{float(str(mib)) / 1024:.1f} GiB of {kind.upper()} memory"
        for kind, mib in choice.memory_mib.items()
    ]
    found += [f"{seconds} s {preset} here" for preset, seconds in choice.seconds.items()]
    if not choice.seconds:
        found += [f"{seconds} s {where}" for where, seconds in choice.measured_seconds.items()]
    return found if choice.is_available else [*found, choice.reason]
