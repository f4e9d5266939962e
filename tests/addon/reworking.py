"""A finished job in the data folder and its object in the scene, for tests of what is made of both."""

import json
import shlex
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import bpy
import numpy as np
import pytest
from PIL import Image

from backend.geometry.cameras import STARTER_RIG
from backend.protocol import NUM_TILES, REROLLED_FILE, Request
from backend.records import to_data
from tests.addon.extension import glb, importer, jobs, views_sheet

JOB = "20260101-120000-toy"
FAKE = Path(__file__).with_name("fake_rework.py")
TILE = 16


def sheet(seed):
    """Random pixels, transparent ones with hidden colours included."""
    return np.random.default_rng(seed).integers(0, 256, (3 * TILE, 2 * TILE, 4), dtype=np.uint8)


def ball(*, radius=20, cells=64):
    """A shell two cells thick around the middle of the grid."""
    axis = np.arange(cells) - cells / 2 + 0.5
    away = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None] ** 2)
    return (away > radius - 1) & (away < radius + 1)


def png_pixels(path):
    return np.array(Image.open(path).convert("RGBA"))


@pytest.fixture
def assets(tmp_path, subject):
    """What the fake backend makes."""
    folder = tmp_path / "assets"
    folder.mkdir()
    for name in ("mesh.glb", "textured.glb"):
        shutil.copyfile(subject, folder / name)
    Image.fromarray(sheet(2)).save(folder / "views.png")
    for number in range(1, NUM_TILES + 1):
        np.save(folder / REROLLED_FILE.format(number), views_sheet.tile(sheet(2), number))
    np.savez_compressed(folder / "occupancy.npz", occupied=ball().astype(np.uint8))
    report = {"rig": asdict(STARTER_RIG), "weights": {"name": "starter", "licence": "Apache-2.0"}}
    (folder / "report.json").write_text(json.dumps(report))
    for name in ("matte.png", "shape.npz", "field.safetensors"):
        (folder / name).write_bytes(b"as made")
    return folder


@pytest.fixture
def job_folder(enabled, assets, tmp_path):
    """A job that an earlier session has finished, and a backend that goes on from it."""
    python = tmp_path / "python-rework"
    command = shlex.join(["env", f"PYTHONPATH={FAKE.parent}", sys.executable, str(FAKE), str(assets)])
    python.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    python.chmod(0o755)
    enabled.python = str(python)
    folder = tmp_path / "data" / "jobs" / JOB
    shutil.copytree(assets, folder)
    Image.fromarray(sheet(1)).save(folder / "views.png")
    (folder / "stages.json").write_text("{}")
    (folder / "request.json").write_text(json.dumps(to_data(Request(seed=5))))
    return folder


@pytest.fixture
def result(job_folder):
    """The object of that job, moved and turned by the artist."""
    obj = importer.import_mesh(
        glb.read_glb(job_folder / "textured.glb"),
        placement=importer.Placement(size=2.0, location=(1, 2, 3)),
        provenance=importer.Provenance(name="toy", properties={"job": JOB}),
    )
    obj.rotation_euler.z = 0.5
    bpy.context.view_layer.update()
    return obj


def newest():
    """The job that was started last."""
    return jobs.recent()[0]


def seen(job):
    """The files that the backend found in a job's folder."""
    return json.loads((job.folder / "seen.json").read_text())
