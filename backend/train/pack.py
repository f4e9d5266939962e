"""One file with many textured objects for training: `python -m backend.train pack`.

The file is an npz without pickles: a JSON index, and for each group of objects some arrays of bytes:
vertices, texture coordinates and faces, coded by `codec`, and textures as WebP. Positions have 13 bits of
generation space, texture coordinates steps of 1/4096 of a texture.
"""

import argparse
import csv
import hashlib
import io
import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from backend.errors import ConfigError, InputError
from backend.train import codec
from backend.train.gltf import ObjectMesh, read_object

log = logging.getLogger(__name__)

RADIUS = 0.48
"""Distance of the farthest vertex from the centre of an object's box, in metres."""

POSITION_STEPS = 1 << 13
UV_STEPS = 1 << 12
MIB = 1 << 20
WEBP_QUALITY = 78
VALIDATION_SHARE = 0.05

GROUP_WEIGHTS = {
    "quaternius": 0.3,
    "kaykit": 0.3,
    "kaykit2": 0.3,
    "kenney2": 0.3,
    "mmmm": 0.4,
    "sh3d": 1.0,
    "gso": 4.0,
    "gso2": 4.0,
    "ycb": 3.0,
    "market": 1.5,
    "webxr": 2.0,
    "mixed": 1.5,
    "aws": 1.5,
    "gaz": 1.5,
}
"""How often an object of a group is drawn, relative to one of a group not named here."""


@dataclass(frozen=True, slots=True, eq=False)
class PackedObject:
    """An object and where it comes from; `is_validation` objects are never trained on."""

    name: str
    group: str
    licence: str
    is_validation: bool
    mesh: ObjectMesh


def group_weight(group: str) -> float:
    """How often an object of a group is drawn, relative to others."""
    return GROUP_WEIGHTS.get(group, 1.0)


def is_held_out(name: str) -> bool:
    """Whether an object belongs to the validation split: a fixed rule on its name alone."""
    return stable_share(name) < VALIDATION_SHARE


def stable_share(name: str) -> float:
    """A number in [0, 1) that depends on the name only."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / (1 << 48)


def pack_object(mesh: ObjectMesh, *, name: str, group: str, licence: str) -> PackedObject:
    """Scale an object to the training radius, round it to the file's precision and order it for coding.

    Raises:
        InputError: when no face has an area.
    """
    radius = np.linalg.norm(mesh.vertices, axis=1).max()
    steps = np.round(mesh.vertices * (RADIUS / max(radius, 1e-12)) * POSITION_STEPS).astype(np.int64)
    corners = steps[mesh.faces]
    edges = corners[:, 1:] - corners[:, :1]
    is_solid = np.cross(edges[:, 0], edges[:, 1]).any(axis=1)
    if not is_solid.any():
        raise InputError(f"the object {name} has no face with an area")
    texture = np.repeat(np.arange(len(mesh.runs)), mesh.runs)[is_solid]
    faces, old = codec.first_use_order(mesh.faces[is_solid])
    uv = np.round(mesh.uv[old] * UV_STEPS) / UV_STEPS
    runs = tuple(int(count) for count in np.bincount(texture, minlength=len(mesh.runs)))
    packed = ObjectMesh(steps[old] / POSITION_STEPS, uv, faces, runs, mesh.textures)
    return PackedObject(name, group, licence, is_held_out(name), packed)


def write_pack(objects: Iterable[PackedObject], path: Path, *, max_mib: float | None = None) -> list[str]:
    """Write a pack; when it grows larger than `max_mib`, whole groups of the lowest weight are left out.

    Returns:
        Names of the groups left out.
    """
    groups: dict[str, list[PackedObject]] = defaultdict(list)
    for item in objects:
        groups[item.group].append(item)
    blocks = {group: _encode_group(items) for group, items in groups.items()}
    sizes = {group: sum(len(data) for data in block.values()) for group, block in blocks.items()}
    dropped: list[str] = []
    for group in sorted(groups, key=lambda name: (group_weight(name), -sizes[name])):
        kept = sum(size for name, size in sizes.items() if name not in dropped)
        if max_mib is None or kept <= max_mib * MIB * 0.98:
            break
        dropped.append(group)
    index = [_index_entry(item) for group in groups if group not in dropped for item in groups[group]]
    arrays = {
        f"{group}/{kind}": np.frombuffer(data, np.uint8)
        for group, block in blocks.items()
        if group not in dropped
        for kind, data in block.items()
    }
    arrays["index"] = np.frombuffer(json.dumps(index, separators=(",", ":")).encode(), np.uint8)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        np.savez(file, **arrays)
    part.rename(path)
    return dropped


def read_pack(path: Path) -> list[PackedObject]:
    """Read what `write_pack` wrote.

    Raises:
        InputError: when the file is not a pack.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            index = json.loads(archive["index"].tobytes())
            groups = list(dict.fromkeys(entry["group"] for entry in index))
            objects = []
            for group in groups:
                entries = [entry for entry in index if entry["group"] == group]
                objects.extend(_decode_group(entries, archive, group))
            return objects
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path} is not a pack of training objects; make one with `pack`") from error


def _encode_group(items: Sequence[PackedObject]) -> dict[str, bytes]:
    first = np.cumsum([0] + [len(item.mesh.vertices) for item in items])
    faces = np.concatenate([item.mesh.faces + start for item, start in zip(items, first, strict=False)])
    vertices = np.concatenate([item.mesh.vertices for item in items])
    uv = np.concatenate([item.mesh.uv for item in items])
    pictures = [_encode_picture(texture) for item in items for texture in item.mesh.textures]
    return {
        "vertices": codec.encode_differences(np.round(vertices * POSITION_STEPS).astype(np.int64)),
        "uv": codec.encode_differences(np.round(uv * UV_STEPS).astype(np.int64)),
        "faces": codec.encode_faces(faces),
        "sizes": np.array([len(picture) for picture in pictures], "<u4").tobytes(),
        "pictures": b"".join(pictures),
    }


def _decode_group(
    entries: Sequence[dict], archive: Mapping[str, np.ndarray], group: str
) -> Iterable[PackedObject]:
    data = {
        name: archive[f"{group}/{name}"].tobytes()
        for name in ("vertices", "uv", "faces", "sizes", "pictures")
    }
    vertices = codec.decode_differences(data["vertices"], 3) / POSITION_STEPS
    uv = codec.decode_differences(data["uv"], 2) / UV_STEPS
    faces = codec.decode_faces(data["faces"])
    ends = np.cumsum(np.frombuffer(data["sizes"], "<u4"))
    pictures = [
        _decode_picture(data["pictures"][end - size : end])
        for end, size in zip(ends, np.frombuffer(data["sizes"], "<u4"), strict=True)
    ]
    vertex, face, picture = 0, 0, 0
    for entry in entries:
        runs = tuple(entry["runs"])
        stop, last, end = vertex + entry["vertices"], face + sum(runs), picture + len(runs)
        mesh = ObjectMesh(
            vertices[vertex:stop],
            uv[vertex:stop],
            faces[face:last] - vertex,
            runs,
            tuple(pictures[picture:end]),
        )
        vertex, face, picture = stop, last, end
        yield PackedObject(entry["name"], group, entry["licence"], entry["validation"], mesh)


def _index_entry(item: PackedObject) -> dict[str, object]:
    return {
        "name": item.name,
        "group": item.group,
        "licence": item.licence,
        "validation": item.is_validation,
        "vertices": len(item.mesh.vertices),
        "runs": item.mesh.runs,
    }


def _encode_picture(pixels: np.ndarray) -> bytes:
    """WebP, or three bytes of colour for a single texel."""
    if pixels.shape[:2] == (1, 1):
        return pixels.tobytes()
    buffer = io.BytesIO()
    # A single row holds unrelated colours, one for each face, which lossy coding would mix.
    is_strip = pixels.shape[0] == 1
    Image.fromarray(pixels).save(buffer, "WEBP", quality=WEBP_QUALITY, method=6, lossless=is_strip)
    return buffer.getvalue()


def _decode_picture(data: bytes) -> np.ndarray:
    if len(data) == 3:
        return np.frombuffer(data, np.uint8).reshape(1, 1, 3)
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("folder", type=Path, help="folder of GLB files with a manifest.csv")
    parser.add_argument("-o", "--out", type=Path, required=True, help="pack to write")
    parser.add_argument("--max-mib", type=float, default=52.0, help="leave groups out above this size")
    parser.add_argument("--texture", type=int, default=128, help="longest side of a texture in pixels")


def run(args: argparse.Namespace) -> int:
    """Read every GLB that the manifest names and write the pack."""
    manifest = args.folder / "manifest.csv"
    if not manifest.exists():
        raise ConfigError(f"{args.folder} has no manifest.csv, which names the objects, groups and licences")
    with manifest.open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: (row["group"], row["id"]))
    objects = []
    for row in rows:
        mesh = read_object(args.folder / f"{row['id']}.glb", texture_px=args.texture)
        if mesh is None:
            log.info("%s is left out: its textures cut out too much", row["id"])
            continue
        objects.append(pack_object(mesh, name=row["id"], group=row["group"], licence=row["licence"]))
    dropped = write_pack(objects, args.out, max_mib=args.max_mib)
    kept = sum(item.group not in dropped for item in objects)
    size = args.out.stat().st_size / MIB
    log.info(
        "%d of %d objects, %.1f MiB; groups left out: %s", kept, len(rows), size, ", ".join(dropped) or "none"
    )
    return 0
