"""Runs the command line with presets of two steps, for tests that need a process of their own."""

import sys
from dataclasses import replace

from backend import presets
from backend.protocol import Preset


def quick_presets() -> dict[Preset, presets.PresetValues]:
    """Every preset with as little work as possible."""
    small = {"view_steps": 2, "occupancy_steps": 2, "shape_steps": 2, "texture_iterations": 2}
    return {
        name: replace(values, faces=200, texture_px=64, **small) for name, values in presets.PRESETS.items()
    }


if __name__ == "__main__":
    presets.PRESETS = quick_presets()
    from backend.cli import main

    sys.exit(main(sys.argv[1:]))
