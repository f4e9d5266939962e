"""The command `evaluate` from files to report, with tiny random networks."""

import argparse
import json

import numpy as np
import pytest
import torch
from PIL import Image

from backend import work
from backend.errors import ArtifactError, InputError
from backend.evaluate import cli, runs, scoring
from backend.evaluate.scoring import colour_scores, geometry_scores
from backend.evaluate.subjects import input_picture, read_subject, true_views
from backend.geometry.cameras import ViewRig
from backend.geometry.framing import PICTURE_FILL, object_box
from backend.geometry.glb import write_glb
from backend.geometry.meshes import TexturedMesh, with_colours
from tests.backend.engine_weights import add_engine_weights
from tests.backend.geometry.bodies import body_mesh
from tests.backend.quick import quick_presets

CPU = torch.device("cpu")
RIG = ViewRig(tile_px=32)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(work, "PRESETS", quick_presets())
    monkeypatch.setattr(scoring, "NUM_SAMPLES", 5000)
    monkeypatch.setattr(scoring, "OTHER_PX", 32)
    monkeypatch.setattr(scoring, "VOLUME_RESOLUTION", 32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of one true object and one broken file."""
    made = tmp_path_factory.mktemp("true")
    mesh = body_mesh(resolution=24)
    write_glb(with_colours(mesh, mesh.vertices + 0.5), made / "a egg.glb", extras={})
    (made / "b broken.glb").write_bytes(b"glTF")
    return made


def parsed(folder, tmp_path, weights, *more):
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    report = tmp_path / "report.json"
    return parser.parse_args([str(folder), "--report", str(report), "--weights", str(weights), *more])


@pytest.mark.parametrize("route", ["image", "views"])
def test_an_evaluation_ends_in_a_report_and_a_sheet(folder, tmp_path, tiny_weights, route, capsys):
    sheet = tmp_path / "sheet.png"
    args = parsed(folder, tmp_path, tiny_weights, "--from", route, "--sheet", str(sheet), "--device", "cpu")
    assert cli.run(args) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    egg, broken = report["objects"]
    assert 0 <= egg["scores"]["f_0.05"] <= 1
    assert egg["scores"]["watertight"] == 1
    assert ("views_psnr_grey" in egg["scores"]) == (route == "image")
    assert {"occupancy", "shape", "mesh", "texture"} <= set(egg["seconds"])
    assert "b broken.glb" in broken["error"]
    assert report["summary"]["f_0.05"]["count"] == 1
    assert report["protocol"]["from"] == route
    with Image.open(sheet) as picture:
        assert picture.size == (15 * 128, 128)
    assert "f_0.05" in capsys.readouterr().out


def test_a_job_that_fails_scores_zero(folder, tmp_path, tiny_weights, monkeypatch):
    def fail(*_):
        raise ArtifactError("no luck")

    monkeypatch.setattr(runs, "from_views", fail)
    assert cli.run(parsed(folder, tmp_path, tiny_weights, "--from", "views", "--limit", "1")) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["failures"] == 1
    assert report["objects"][0]["error"] == "no luck"
    assert report["summary"]["f_0.05"]["mean"] == 0


def test_an_empty_folder_is_refused(tmp_path, tiny_weights):
    with pytest.raises(InputError, match="no GLB files"):
        cli.run(parsed(tmp_path, tmp_path, tiny_weights))


def test_the_truth_itself_scores_best(folder):
    subject = read_subject(folder / "a egg.glb")
    views = true_views(subject, RIG, device=CPU)
    scores = geometry_scores(subject.mesh, subject.mesh, device=CPU)
    scores |= colour_scores(subject.mesh, subject.mesh, true_views=views, rig=RIG, device=CPU)
    assert scores["f_0.05"] == scores["volume_iou"] == scores["six_mask_iou"] == 1
    assert scores["six_psnr_mask"] == scores["others_psnr_mask"] == 100
    assert scores["chamfer"] is not None
    # Two samplings of one surface of about two square units by 5,000 points each.
    assert scores["chamfer"] < 0.03


def test_a_moved_and_scaled_copy_scores_the_same_in_geometry(folder):
    subject = read_subject(folder / "a egg.glb")
    mesh = subject.mesh
    moved = TexturedMesh(
        mesh.vertices * 3 + np.array([1, 2, 3], np.float32), mesh.faces, mesh.normals, mesh.uv, mesh.texture
    )
    ours, own = (geometry_scores(item, mesh, device=CPU) for item in (moved, mesh))
    assert ours["f_0.02"] == pytest.approx(own["f_0.02"], abs=1e-3)


def test_a_mirrored_copy_scores_less(folder):
    """The body has no symmetry left and right, so a flipped axis cannot hide."""
    mesh = read_subject(folder / "a egg.glb").mesh
    mirrored = TexturedMesh(
        mesh.vertices * np.array([-1, 1, 1], np.float32), mesh.faces, mesh.normals, mesh.uv, mesh.texture
    )
    score = geometry_scores(mirrored, mesh, device=CPU)["f_0.05"]
    assert score is not None
    assert score < 0.9


def test_true_objects_fill_generation_space(folder):
    mesh = read_subject(folder / "a egg.glb").mesh
    assert np.linalg.norm(mesh.vertices, axis=1).max() == pytest.approx(0.48, abs=1e-5)


def test_the_input_picture_is_centred_and_repeatable(folder):
    subject = read_subject(folder / "a egg.glb")
    picture = input_picture(subject, seed=5, device=CPU)
    left, top, right, bottom = object_box(picture[None])[0].tolist()
    assert max(right - left, bottom - top) == pytest.approx(PICTURE_FILL, abs=0.02)
    assert (left + right) / 2 == pytest.approx(0.5, abs=0.02)
    assert torch.equal(picture, input_picture(subject, seed=5, device=CPU))


def test_a_bare_evaluation_of_another_rig_ends_before_the_texture(folder, tmp_path, tiny_weights):
    more = ("--from", "views", "--bare", "--rig", "zero123plus-v1.2", "--fault", "missing", "--limit", "1")
    assert cli.run(parsed(folder, tmp_path, tiny_weights, *more)) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert "texture" not in report["objects"][0]["seconds"]
    assert report["protocol"]["rig"] == "zero123plus-v1.2"


def test_faults_of_true_views_are_refused_for_pictures(folder, tmp_path, tiny_weights):
    with pytest.raises(InputError, match="--from views"):
        cli.run(parsed(folder, tmp_path, tiny_weights, "--fault", "blurred"))


@pytest.mark.parametrize("route", ["image", "views"])
def test_engines_are_compared_on_the_same_objects(folder, tmp_path, tiny_weights, route, capsys):
    weights = add_engine_weights(tmp_path / "weights", tiny_weights)
    args = parsed(
        *(folder, tmp_path, weights, "--from", route, "--engine", "one2345++,one2345"),
        *("--limit", "1", "--device", "cpu", "--sheet", str(tmp_path / "sheet.png"), "--bare"),
    )
    assert cli.run(args) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    first, second = report["objects"]
    assert (first["engine"], second["engine"]) == ("one2345++", "one2345")
    assert first["name"] == second["name"]
    assert set(report["summaries"]) == {"one2345++", "one2345"}
    assert report["summary"] == report["summaries"]["one2345++"]
    assert ("elevation_error_deg" in second) == (route == "image")
    assert ("views_psnr_grey" in second["scores"]) == (route == "image")
    assert "occupancy" not in second["seconds"]
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.size == (15 * 128, 2 * 128)
    heads, *lines = capsys.readouterr().out.splitlines()
    assert heads.split()[:3] == ["engine", "F@0.05", "Chamfer"]
    assert [line.split()[0] for line in lines] == ["one2345++", "one2345"]
    assert lines[0].split()[1] == f"{first['scores']['f_0.05']:.4f}"
    assert lines[0].split()[-1] == "0"


def test_true_views_of_the_second_engine_have_no_rig(folder, tmp_path, tiny_weights):
    args = parsed(
        *(folder, tmp_path, tiny_weights, "--from", "views", "--engine", "one2345", "--rig", "starter")
    )
    with pytest.raises(InputError, match="cameras of its own"):
        cli.run(args)
