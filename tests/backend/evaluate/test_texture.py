"""What the texture stage is measured by when all before it is right."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from backend.evaluate import texture
from backend.evaluate.subjects import read_subject
from backend.evaluate.texture import Clock, coloured_shell, main
from backend.geometry.bake import fill_texture, texels
from backend.geometry.cameras import ViewRig
from backend.geometry.glb import write_glb
from backend.geometry.grids import voxel_centres
from backend.geometry.meshes import TexturedMesh, smooth_normals
from backend.geometry.simplify import simplify
from backend.geometry.unwrap import unwrap
from backend.presets import PRESETS
from tests.backend.geometry.bodies import body_mesh

PX = 128
RIG = ViewRig(tile_px=48)


def stripes(points):
    """Narrower than the faces of the body, so that colours at its vertices cannot show them."""
    wave = torch.sin(points @ torch.tensor([30.0, 12.0, 20.0]))
    return 0.5 + 0.4 * torch.stack([wave, -wave, torch.ones_like(wave)], dim=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two true objects of one body, and a file that is none."""
    made = tmp_path_factory.mktemp("true")
    mesh = simplify(body_mesh(), faces=300)
    charts, normals = unwrap(mesh, texture_px=PX), smooth_normals(mesh)
    found = texels(charts.faces, charts.uv, texture_px=PX)
    picture = fill_texture(found.index, stripes(found.of(mesh.vertices, mesh.faces)), texture_px=PX)
    striped = TexturedMesh(
        mesh.vertices[charts.vertex], charts.faces, normals[charts.vertex], charts.uv, picture
    )
    for name in ("a_egg", "c_egg"):
        write_glb(striped, made / f"{name}.glb", extras={})
    (made / "b_broken.glb").write_bytes(b"glTF")
    return made


@pytest.fixture
def _quick(monkeypatch):
    monkeypatch.setattr(texture, "PICTURE_PX", RIG.tile_px)
    monkeypatch.setattr(texture, "STARTER_RIG", RIG)
    values = {name: replace(values, texture_iterations=25) for name, values in PRESETS.items()}
    monkeypatch.setattr(texture, "PRESETS", values)


@pytest.mark.usefixtures("_quick")
def test_a_folder_ends_in_a_report_of_what_painting_adds(folder, tmp_path, capsys):
    report = tmp_path / "report.json"
    args = [str(folder), "--report", str(report), "--texture", str(PX), "--device", "cpu", "--limit", "2"]
    assert main(args) == 0
    read = json.loads(report.read_text())
    (egg,) = read["objects"]
    assert "b_broken is left out" in capsys.readouterr().err
    scores = egg["scores"]
    assert egg["name"] == "a_egg"
    assert scores["faces"] == 300
    assert scores["overlap_pixels"] == 0
    assert 0.3 < scores["fill"] < 1
    for where in ("six", "others"):
        assert scores[f"ours_{where}_psnr_mask"] > scores[f"shape_{where}_psnr_mask"] + 3
    parts = [scores[f"seconds_{name}"] for name in ("see", "fit", "unwrap", "bake")]
    assert min(parts) >= 0
    assert scores["seconds"] / 2 < sum(parts) <= scores["seconds"]
    assert read["summary"]["fill"]["mean"] == pytest.approx(scores["fill"], abs=1e-4)
    assert "iterations=25" in read["config"]


def test_only_the_objects_named_are_looked_at(folder, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("c_egg\nd_egg\n")
    args = texture._parser().parse_args([str(folder), "--report", "r.json", "--names", str(names)])
    assert [path.stem for path in texture._files(args)] == ["c_egg"]


def test_voxels_lie_along_the_surface_and_have_its_colours(folder):
    mesh = read_subject(folder / "a_egg.glb").mesh
    shape = coloured_shell(mesh, device=torch.device("cpu"))
    assert (shape.sdf <= shape.truncation).all()
    # A shell of both sides.
    area = np.linalg.norm(
        np.cross(*np.moveaxis(np.diff(mesh.vertices[mesh.faces], axis=1), 1, 0)), axis=1
    ).sum()
    volume = len(shape.coords) / shape.resolution**3
    assert volume == pytest.approx(area / 2 * 2 * shape.truncation, rel=0.1)
    assert voxel_centres(shape.coords, shape.resolution).norm(dim=1).max() < 0.48 + shape.truncation
    assert shape.rgb[:, 2].std() < 0.05
    assert shape.rgb[:, 0].std() > 0.15


def test_the_clock_tells_the_parts_apart(monkeypatch):
    now = iter([10.5, 13.0, 14.0, 16.0])
    monkeypatch.setattr(texture.time, "monotonic", lambda: next(now))
    clock = Clock(iterations=3, start=10.0)
    for step in range(1, 6):
        clock(step, 5)
    assert clock.marks == {"see": 0.5, "fit": 2.5, "unwrap": 1.0, "bake": 2.0}
