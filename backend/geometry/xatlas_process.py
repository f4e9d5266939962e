"""Charts in a process of their own: nothing can stop xatlas once it has begun.

Started by `unwrap_process.py`. Takes lines of JSON, `["IN.npz", "OUT.npz"]`, on its input and answers each
with a line; it ends when its input does, or at the first fault. Does without torch, which takes seconds.
"""

import json
import os
import sys
from typing import TextIO

import numpy as np
import xatlas

from backend.geometry.chart_cutting import cut_charts
from backend.geometry.chart_parting import parted
from backend.geometry.packing import can_pack, get_ready, pack
from backend.orphans import die_with_parent

PART_FACES = 4_000
"""Faces that xatlas gets at once: its time grows faster than their number, and parts go on side by side."""

CUT_SHARES = np.linspace(0.35, 0.65, 13)
"""Shares of a part's faces on one side of a cut, of which the one with the shortest seam is taken."""


def main(commands: TextIO, answers: TextIO) -> None:
    """Unwrap until the input ends."""
    if can_pack():
        get_ready()
    for line in commands:
        unwrap_file(*json.loads(line))
        answers.write("done\n")
        answers.flush()


def unwrap_file(source: str, target: str) -> None:
    """Read `vertices`, `faces` and `texture_px`; write `vertex`, `faces`, `uv` and `packed`.

    `uv` is in pixels, the charts anywhere; `packed` is what `pack` makes of it, empty where there is none.
    """
    with np.load(source) as given:
        vertices, faces, texture_px = given["vertices"], given["faces"], int(given["texture_px"])
    vertex, faces, uv = charts(vertices, faces.astype(np.int64), texture_px)
    for cut_open in (parted, cut_charts):
        copies, faces = cut_open(uv, faces.astype(np.int64))
        vertex, uv = vertex[copies], uv[copies]
    packed = pack(uv, faces, texture_px=texture_px) if can_pack() else None
    if packed is None:
        packed = np.zeros((0, 2), np.float32)
    np.savez(target, vertex=vertex, faces=faces, uv=uv, packed=packed)


def charts(
    vertices: np.ndarray, faces: np.ndarray, texture_px: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mesh's vertex of each new one, the faces in their order, and positions in pixels."""
    parts = cut(vertices, faces)
    atlas, used = xatlas.Atlas(), []
    for part in parts:
        kept, index = np.unique(faces[part], return_inverse=True)
        used.append(kept)
        atlas.add_mesh(vertices[kept], index.reshape(-1, 3).astype(np.uint32))
    packing = xatlas.PackOptions()
    packing.resolution = texture_px
    packing.padding = max(1, texture_px // 512)
    packing.bilinear = True
    packing.create_image = False
    options = xatlas.ChartOptions()
    # Charts need not be round: 208 of them instead of 609 on a cat, in half the time.
    options.roundness_weight = options.straightness_weight = 0.0
    atlas.generate(options, packing)
    made = [atlas[number] for number in range(len(parts))]
    first = np.cumsum([0] + [len(vertex) for vertex, _, _ in made])
    laid = np.empty(faces.shape, np.int32)
    for part, start, (_, flat, _) in zip(parts, first, made, strict=False):
        laid[part] = flat + start
    vertex = np.concatenate([kept[vertex] for kept, (vertex, _, _) in zip(used, made, strict=True)])
    uv = np.concatenate([uv for _, _, uv in made]) * np.array([atlas.width, atlas.height], np.float32)
    return vertex.astype(np.int64), laid, uv


def cut(vertices: np.ndarray, faces: np.ndarray) -> list[np.ndarray]:
    """The faces in parts of at most `PART_FACES`, cut in two across an axis again and again."""
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    key = ends.min(axis=1) << 32 | ends.max(axis=1)
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero(key[order[1:]] == key[order[:-1]])
    pairs = np.stack([order[same], order[same + 1]], axis=1) % len(faces)
    length = np.linalg.norm(np.diff(vertices[ends[order[same]]], axis=1)[:, 0], axis=1)
    middles = vertices[faces].astype(np.float64).mean(axis=1)
    parts, waiting = [], [np.arange(len(faces))]
    while waiting:
        part = waiting.pop()
        is_inside = np.zeros(len(faces), bool)
        is_inside[part] = True
        inner = is_inside[pairs].all(axis=1)
        is_beyond = None if len(part) <= PART_FACES else _beyond(middles, part, pairs[inner], length[inner])
        if is_beyond is None:
            parts.append(part)
        else:
            waiting += [part[is_beyond], part[~is_beyond]]
    return parts


def _beyond(
    middles: np.ndarray, part: np.ndarray, pairs: np.ndarray, length: np.ndarray
) -> np.ndarray | None:
    """Which faces of a part lie beyond the plane that cuts the least; None where no plane parts them."""
    options = []
    for height in middles.T:
        for limit in np.quantile(height[part], CUT_SHARES):
            is_beyond = height > limit
            if 0 < is_beyond[part].sum() < len(part):
                seam = length[is_beyond[pairs[:, 0]] != is_beyond[pairs[:, 1]]].sum()
                options.append((float(seam), len(options), is_beyond[part]))
    return min(options)[2] if options else None


if __name__ == "__main__":
    die_with_parent()
    # What libraries print must not stand among the answers.
    with os.fdopen(os.dup(1), "w") as sink:
        os.dup2(2, 1)
        main(sys.stdin, sink)
