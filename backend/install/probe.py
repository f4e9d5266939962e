"""Run by a new environment's Python: does every package load, and where does torch compute?

Prints one line of JSON: faults by module, and the device. Imports by name, so that one that fails is told of
like the others.
"""

import importlib
import json
import sys
import traceback
from collections.abc import Callable
from functools import partial

MODULES = (
    "numpy",
    "scipy",
    "skimage.measure",
    "PIL.Image",
    "torch",
    "safetensors",
    "diffusers",
    "transformers",
    "einops",
    "jaxtyping",
    "trimesh",
    "xatlas",
    "fast_simplification",
    "warp",
    "onnxruntime",
)


def failures() -> dict[str, str]:
    """What goes wrong, by module."""
    told = {name: _fault(partial(importlib.import_module, name)) for name in MODULES}
    if not any(told.values()):
        told["torch"] = _fault(compute)
    return {name: fault for name, fault in told.items() if fault}


def _fault(work: Callable[[], object]) -> str:
    """What comes of trying: nothing, or what was raised."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - whatever a foreign package raises is the answer
        traceback.print_exc()
        return f"{type(error).__name__}: {error}"
    return ""


def compute() -> None:
    """Multiply on the device that jobs would take."""
    torch = importlib.import_module("torch")
    square = torch.eye(8, device=device()) * 2
    if float((square @ square).sum()) != 32.0:
        raise ArithmeticError(f"torch computes wrong on {device()}")


def device() -> str:
    """Where torch computes: `cuda` where it reaches a card."""
    return "cuda" if importlib.import_module("torch").cuda.is_available() else "cpu"


if __name__ == "__main__":
    faults = failures()
    sys.stdout.write("\n" + json.dumps({"faults": faults, "device": "" if faults else device()}) + "\n")
