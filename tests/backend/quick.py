"""Runs the command line with presets of two steps, for tests that need a process of their own."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from backend import presets
from backend.protocol import Event, Preset, Request


def quick_presets() -> dict[Preset, presets.PresetValues]:
    """Every preset with as little work as possible."""
    steps = ("view_steps", "occupancy_steps", "shape_steps", "texture_iterations", "anchor_steps")
    small = dict.fromkeys(steps, 2) | {"neighbour_steps": 1, "sdf_resolution": 32}
    return {
        name: replace(values, faces=200, texture_px=64, **small) for name, values in presets.PRESETS.items()
    }


def run_job(folder: Path, request: Request, on_event: Callable[[Event], None] = lambda event: None) -> dict:
    """Run a job on the CPU in this process; returns its report."""
    import torch  # Heavy, and a process that runs the command line takes its own time for it.

    from backend.jobs import Job
    from backend.models.cache import NetworkCache
    from backend.pipeline import run
    from backend.work import Resources

    device = torch.device("cpu")
    networks = NetworkCache(device, is_keeping=False)
    resources = Resources(device=device, networks=networks, matting_model=None)
    return run(Job(folder), request, resources, on_event=on_event, name="test")


if __name__ == "__main__":
    presets.PRESETS = quick_presets()
    from backend.cli import main

    sys.exit(main(sys.argv[1:]))
