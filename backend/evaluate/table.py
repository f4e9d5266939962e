"""Means over the objects of an evaluation, and engines beside each other on the same ones."""

import dataclasses
from collections.abc import Mapping, Sequence

from backend.evaluate.metrics import summarise
from backend.evaluate.scoring import IS_BETTER_LOW
from backend.protocol import Engine

Entry = dict[str, object]
"""What is known of one object with one engine."""

COLUMNS = (
    ("F@0.05", "f_0.05", 4),
    ("Chamfer", "chamfer", 4),
    ("PSNR", "others_psnr_grey", 2),
    ("IoU", "volume_iou", 3),
    ("elevation", "elevation_error_deg", 1),
    ("seconds", "seconds", 1),
    ("MiB", "peak_mib", 0),
)
"""Heading, score and decimals of a column; colour is that of pictures from cameras of no rig."""


def summary(entries: Sequence[Entry]) -> dict[str, object]:
    """Mean, median, worst and interval of every score that any object has."""
    scores = [entry["scores"] for entry in entries]
    names = sorted({name for item in scores if isinstance(item, dict) for name in item})
    found: dict[str, object] = {}
    for name in names:
        values = [item[name] for item in scores if isinstance(item, dict) and item.get(name) is not None]
        result = summarise(values, is_better_high=name not in IS_BETTER_LOW)
        if result is not None:
            found[name] = dataclasses.asdict(result)
    return found


def of_engine(engine: Engine, entries: Sequence[Entry]) -> list[Entry]:
    """The entries of one engine."""
    return [entry for entry in entries if entry["engine"] == engine]


def comparison(entries: Sequence[Entry]) -> str:
    """Engines beside each other: a line each with mean scores, what its jobs took and how many failed."""
    heads = ["engine", *(head for head, _, _ in COLUMNS), "failures"]
    found = {engine: of_engine(engine, entries) for engine in Engine}
    rows = [_row(engine, own) for engine, own in found.items() if own]
    return "".join(_line(row) for row in [heads, *rows])


def _row(engine: Engine, entries: Sequence[Entry]) -> list[str]:
    found = summary(entries) | _costs(entries)
    failures = sum("error" in entry for entry in entries)
    return [engine.value, *(_mean(found, score, places) for _, score, places in COLUMNS), str(failures)]


def _costs(entries: Sequence[Entry]) -> dict[str, object]:
    """Mean seconds and error of the elevation, and the most memory: of the device, else of the process."""
    seconds = [sum(value.values()) for entry in entries if isinstance(value := entry.get("seconds"), dict)]
    angles = [value for entry in entries if isinstance(value := entry.get("elevation_error_deg"), float)]
    peaks = [value for entry in entries if isinstance(value := entry.get("peak_mib"), dict)]
    found: dict[str, object] = {}
    for name, values in (("seconds", seconds), ("elevation_error_deg", angles)):
        if values:
            found[name] = {"mean": sum(values) / len(values)}
    if peaks:
        found["peak_mib"] = {"mean": max(peak.get("device", peak["process"]) for peak in peaks)}
    return found


def _mean(found: Mapping[str, object], score: str, places: int) -> str:
    value = found.get(score)
    mean = value.get("mean") if isinstance(value, dict) else None
    return f"{mean:.{places}f}" if isinstance(mean, int | float) else "-"


def _line(cells: Sequence[str]) -> str:
    first, *others = cells
    return f"{first:<12}" + "".join(f"{cell:>11}" for cell in others) + "\n"
