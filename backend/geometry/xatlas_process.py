"""xatlas in a process of its own, since nothing can stop it once it has begun.

Run by `unwrap.py` as a script: `xatlas_process.py IN.npz OUT.npz`. Imports numpy and xatlas only.
"""

import ctypes
import signal
import sys

import numpy as np
import xatlas

_PR_SET_PDEATHSIG = 1


def main(source: str, target: str) -> None:
    """Read `vertices`, `faces` and `texture_px`; write `vertex`, `faces` and `uv`, which is in pixels."""
    with np.load(source) as given:
        vertices, faces, texture_px = given["vertices"], given["faces"], int(given["texture_px"])
    atlas = xatlas.Atlas()
    atlas.add_mesh(vertices, faces.astype(np.uint32))
    options = xatlas.PackOptions()
    options.resolution = texture_px
    options.padding = max(1, texture_px // 512)
    options.bilinear = True
    options.create_image = False
    charts = xatlas.ChartOptions()
    # Charts need not be round: 208 of them instead of 609 on a cat, in half the time.
    charts.roundness_weight = charts.straightness_weight = 0.0
    atlas.generate(charts, options)
    vertex, faces, uv = atlas[0]
    pixels = uv * np.array([atlas.width, atlas.height], np.float32)
    np.savez(target, vertex=vertex.astype(np.int64), faces=faces.astype(np.int32), uv=pixels)


def die_with_parent() -> None:
    """On Linux, end when the process that waits for this one is killed, as `backend/orphans.py` does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    die_with_parent()
    main(sys.argv[1], sys.argv[2])
