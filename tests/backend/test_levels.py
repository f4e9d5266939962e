"""Levels of detail, normal maps and flat bases in a job, with tiny random networks."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backend.geometry.glb_reader import read_glb
from backend.protocol import ProtocolError, Request, Stage, StageDone
from tests.backend.quick import run_job

pytestmark = pytest.mark.usefixtures("quick_jobs")


def run(folder: Path, request: Request) -> list[StageDone]:
    events = []
    run_job(folder, request, events.append)
    return [event for event in events if isinstance(event, StageDone)]


def has_normal_map(path: Path) -> bool:
    data = path.read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    (material,) = json.loads(data[20 : 20 + length])["materials"]
    return "normalTexture" in material


@pytest.fixture(scope="module")
def request_(cutout, tiny_weights) -> Request:
    return Request(image=str(cutout), weights=str(tiny_weights), seed=3, lods=(150, 100))


@pytest.fixture(scope="module")
def made(tmp_path_factory, request_) -> tuple[Path, list[StageDone]]:
    """A job with three levels; the tests go on from one another's state only by what they ask for."""
    folder = tmp_path_factory.mktemp("jobs") / "levels"
    return folder, run(folder, request_)


def test_every_level_is_made_and_named(made):
    folder, done = made
    names = [Path(path).name for path in done[-1].paths]
    assert names == ["textured.glb", "field.safetensors", "lod1.glb", "lod2.glb"]
    counts = [len(read_glb(folder / name).faces) for name in ("textured.glb", "lod1.glb", "lod2.glb")]
    assert counts[0] > counts[1] > counts[2]
    assert counts[1] <= 1.02 * 150
    assert counts[2] <= 1.02 * 100


def test_each_level_has_a_normal_map_of_its_own(made):
    for name in ("textured.glb", "lod1.glb", "lod2.glb"):
        assert has_normal_map(made[0] / name)


def test_a_level_that_is_lost_is_made_again(made, request_):
    folder, _ = made
    before = (folder / "lod1.glb").read_bytes()
    (folder / "lod1.glb").unlink()
    done = run(folder, request_)
    assert [event.stage for event in done if not event.reused] == [Stage.TEXTURE]
    assert (folder / "lod1.glb").read_bytes() == before


def test_without_further_levels_those_of_before_go(made, request_):
    folder, _ = made
    run(folder, replace(request_, lods=(), normal_map=False))
    assert not list(folder.glob("lod*.glb"))
    assert not has_normal_map(folder / "textured.glb")


def test_a_mesh_of_the_users_own_has_levels_but_no_normal_map(made, request_):
    folder, _ = made
    mesh = read_glb(folder / "mesh.glb")
    data = (folder / "mesh.glb").read_bytes()
    # Any change of its bytes makes the file the user's.
    (folder / "mesh.glb").write_bytes(data.replace(b'"generator":"One2345"', b'"generator":"Two2345"'))
    run(folder, replace(request_, lods=(100,)))
    assert not has_normal_map(folder / "textured.glb")
    assert 4 <= len(read_glb(folder / "lod1.glb").faces) < len(mesh.faces)


def test_a_flat_base_is_cut_on_request(tmp_path, request_):
    run(tmp_path, replace(request_, lods=(), flat_base=True, stop_after=Stage.MESH))
    heights = read_glb(tmp_path / "mesh.glb").vertices[:, 2]
    assert np.count_nonzero(heights == heights.min()) >= 3


@pytest.mark.parametrize("lods", [(10,), (1000,) * 6])
def test_impossible_levels_are_refused(lods):
    with pytest.raises(ProtocolError):
        Request(lods=lods)
