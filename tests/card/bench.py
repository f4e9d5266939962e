"""What the scripts of this folder share: arguments, inputs, the limit of time, memory of the card."""

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from backend import work
from backend.models.registry import STARTER_FOLDER
from backend.protocol import Device, Preset, Request
from tests.backend.quick import quick_presets

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "tests" / "data" / "demo.png"
QUICK = """
from backend import presets
from tests.backend.quick import quick_presets
presets.PRESETS = quick_presets()
"""
"""What a process of a dry run does first."""
LIMIT_S, POLL_S = 300, 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """Where a script measures, and with what; `folder` takes everything that it writes."""

    folder: Path
    weights: Path
    picture: Path
    device: Device

    @property
    def is_cpu(self) -> bool:
        """Whether this is a dry run."""
        return self.device is Device.CPU

    def request(self, preset: Preset) -> Request:
        """A whole job."""
        return Request(image=str(self.picture), weights=str(self.weights), preset=preset, device=self.device)


class Meter:
    """MiB of the card that others have taken since this was made; nothing in a dry run."""

    def __init__(self, bench: Bench) -> None:
        self._is_cpu = bench.is_cpu
        self._before = self._used()
        self._peak = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def now(self) -> int:
        """What is taken."""
        return self._used() - self._before

    def peak(self) -> int:
        """The most that was taken since this was called last, as far as it lasted `POLL_S`."""
        peak, self._peak = self._peak, 0
        return peak

    def _watch(self) -> None:
        while True:
            self._peak = max(self._peak, self.now())
            time.sleep(POLL_S)

    def _used(self) -> int:
        free, total = (0, 0) if self._is_cpu else torch.cuda.mem_get_info()
        return (total - free) >> 20


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def peaks_mib(report: dict) -> dict[str, float]:
    """The highest memory of each stage in a report: of the card, on the CPU of the process."""
    stages = report["stages"].items()
    return {name: facts.get("peak_device_mib") or facts.get("peak_process_mib", 0) for name, facts in stages}


def run(measure: Callable[[Bench], None], doc: str | None) -> None:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, nargs="?", help="folder; the starter weights by default")
    parser.add_argument("picture", type=Path, nargs="?", help="with transparency; the demo's by default")
    parser.add_argument("--cpu", action="store_true", help="dry run with tiny networks; figures mean nothing")
    parser.add_argument("--limit", type=int, default=LIMIT_S, help="seconds after which it is ended")
    options = parser.parse_args()
    signal.alarm(options.limit)  # Ends the process by itself, also in the middle of a long step.
    with tempfile.TemporaryDirectory(prefix="card-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        os.environ["ONE2345_DATA"] = str(folder / "data")
        weights, picture = options.weights, options.picture
        if options.cpu:
            work.PRESETS = quick_presets()
        bench = Bench(
            folder=folder,
            weights=(weights or (_tiny_weights(folder) if options.cpu else STARTER_FOLDER)).resolve(),
            picture=(picture or _demo_cutout(folder / "cutout.png")).resolve(),
            device=Device.CPU if options.cpu else Device.CUDA,
        )
        say("dry run" if options.cpu else torch.cuda.get_device_name())
        measure(bench)
        say("done")


def _tiny_weights(folder: Path) -> Path:
    # They need pytest, which only a dry run may expect.
    from tests.backend.conftest import write_tiny_weights
    from tests.backend.engine_weights import add_engine_weights

    return add_engine_weights(folder / "tiny", write_tiny_weights(folder / "plain"))


def _demo_cutout(path: Path) -> Path:
    """The demo's picture without what is neither coloured nor dark; holes count as the object."""
    with Image.open(DEMO) as image:
        rgb = np.array(image.convert("RGB"))
    brightest, darkest = rgb.max(axis=2), rgb.min(axis=2)
    solid = ndimage.binary_fill_holes((brightest - darkest > 60) | (brightest < 92))
    Image.fromarray(np.dstack([rgb, 255 * np.asarray(solid, dtype=np.uint8)])).save(path)
    return path
