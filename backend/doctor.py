"""`python -m backend doctor`: is everything there that a job needs?"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from backend.devices import choose_device, device_name, memory
from backend.errors import One2345Error
from backend.models.registry import (
    ENGINE_NETWORKS,
    NETWORKS,
    Layout,
    find_weights,
    matting_model_path,
    verify,
)
from backend.models.weights import read_weights
from backend.models.zero123_published import read_zero123
from backend.models.zero123plus_weights import check_published
from backend.protocol import Device
from backend.reports import versions

MIN_FREE_BYTES = 4 * 2**30
"""Memory that a standard job takes at most."""
MIN_DISK_BYTES = 2**29
"""Disk space for a handful of jobs."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    name: str
    is_well: bool
    text: str


def run_doctor(weights: str, root: Path, *, as_json: bool) -> bool:
    """Print all checks; returns whether a job can run."""
    checks = [
        _versions(),
        _device(),
        _guarded("weights", lambda: _weights(weights, root)),
        _matting(root),
        _disk(root),
    ]
    is_well = all(check.is_well for check in checks)
    if as_json:
        print(json.dumps({"is_well": is_well, "checks": [asdict(check) for check in checks]}))
        return is_well
    for check in checks:
        print(f"{'ok ' if check.is_well else 'BAD'}  {check.name:<10} {check.text}")
    return is_well


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except One2345Error as error:
        return Check(name, is_well=False, text=str(error))


def _versions() -> Check:
    found = versions()
    missing = [name for name, version in found.items() if version is None]
    text = ", ".join(f"{name} {version}" for name, version in found.items() if version)
    return Check("versions", not missing, f"{text}; missing: {', '.join(missing)}" if missing else text)


def _device() -> Check:
    device = choose_device(Device.AUTO)
    free, total = memory(device)
    text = (
        f"{device.type} ({device_name(device)}), {torch.get_num_threads()} threads,"
        f" {free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
    )
    return Check("device", is_well=free >= MIN_FREE_BYTES or total == 0, text=text)


def _weights(name: str, root: Path) -> Check:
    weights = find_weights(name, root)
    if weights.layout is Layout.ZERO123PLUS:
        weights.files("views")  # Says how to get what is not there.
        parameters = check_published(weights.folder)
        text = f"{weights.name}, {parameters / 1e6:.1f} M values, {weights.licence}"
        return Check("weights", is_well=True, text=text)
    if weights.layout is Layout.ZERO123:
        weights.files("zero123")  # Says how to get what is not there.
        read_zero123(weights.folder)
        return Check("weights", is_well=True, text=f"{weights.name}, {weights.licence}")
    problems = verify(weights.folder)
    if problems:
        return Check("weights", is_well=False, text=f"{weights.name}: {'; '.join(problems)}")
    parameters = 0
    present = {
        name for names in ENGINE_NETWORKS.values() for name in names if weights.files(name, missing_ok=True)
    }
    for network in present | set(NETWORKS):
        _, state = read_weights(weights.folder, network)
        parameters += sum(tensor.numel() for tensor in state.values())
    return Check(
        "weights", is_well=True, text=f"{weights.name}, {parameters / 1e6:.1f} M values, {weights.licence}"
    )


def _matting(root: Path) -> Check:
    path = matting_model_path(root)
    if path is None:
        text = "u2net.onnx is not installed; run `python3 build.py setup` (pictures with transparency work)"
        return Check("matting", is_well=False, text=text)
    return Check("matting", is_well=True, text=str(path))


def _disk(root: Path) -> Check:
    place = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(place).free
    return Check("disk", is_well=free >= MIN_DISK_BYTES, text=f"{free / 2**30:.1f} GiB free at {place}")
