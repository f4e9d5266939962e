"""A whole job of the engine One-2-3-45 with tiny random networks; what it lacks is said before the work."""

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image

from backend import one2345, work
from backend.cli import main
from backend.errors import ArtifactError, WeightsError
from backend.geometry.anchors import ZERO123_LAYOUT
from backend.models import registry
from backend.models.zero123_published import Zero123Published
from backend.protocol import Engine, Preset, ProtocolError, Request, Stage
from backend.records import from_data, to_data
from backend.stages.novel_views import NovelSampling, ViewSetSampling
from backend.view_sets import read_cameras
from tests.backend.engine_weights import add_engine_weights
from tests.backend.models.zero123_layouts import write_zero123
from tests.backend.quick import run_job

pytestmark = pytest.mark.usefixtures("quick_jobs")


@pytest.fixture(scope="module")
def weights(tmp_path_factory, tiny_weights) -> Path:
    return add_engine_weights(tmp_path_factory.mktemp("engines") / "weights", tiny_weights)


@pytest.fixture(scope="module")
def request_(cutout, weights) -> Request:
    return Request(
        image=str(cutout), weights=str(weights), engine=Engine.ONE2345, preset=Preset.DRAFT, seed=3
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory, request_) -> Path:
    """An uninterrupted job; not to be changed."""
    folder = tmp_path_factory.mktemp("jobs") / "finished"
    run_job(folder, request_)
    return folder


@pytest.fixture
def folder(finished, tmp_path) -> Path:
    """A copy of the finished job."""
    return Path(shutil.copytree(finished, tmp_path / "job"))


def origins(report: dict) -> dict[str, str]:
    return {name: entry["origin"] for name, entry in report["stages"].items()}


def test_job_leaves_a_sheet_of_32_views_their_cameras_and_a_textured_mesh(finished):
    names = {path.name for path in finished.iterdir()}
    assert {"views.png", "cameras.json", "shape.npz", "mesh.glb", "textured.glb"} <= names
    assert "occupancy.npz" not in names
    layout = read_cameras(finished / "cameras.json")
    assert (layout.rows, layout.columns, len(layout.cameras.fov)) == (8, 4, 32)
    with Image.open(finished / "views.png") as sheet:
        assert sheet.size == (4 * 32, 8 * 32)
    report = json.loads((finished / "report.json").read_bytes())
    assert (report["engine"], report["rig"]) == ("one2345", None)
    assert set(report["stages"]) == {"matte", "views", "shape", "mesh", "texture"}
    assert report["mesh"]["watertight"]
    assert -90 < report["stages"]["views"]["elevation_deg"] < 90
    assert set(report["weights"]["sha256"]) == {"vae", "image_encoder", "views", "zero123", "neural_sdf"}


def test_finished_job_repeats_nothing_and_goes_on_from_the_last_whole_artifact(folder, request_):
    assert set(origins(run_job(folder, request_)).values()) == {"reused"}
    before = {path.name: path.read_bytes() for path in folder.glob("*.glb")}
    for name in ("shape.npz", "mesh.glb", "textured.glb"):
        (folder / name).unlink()
    found = origins(run_job(folder, request_))
    assert found == {"matte": "reused", "views": "reused", "shape": "made", "mesh": "made", "texture": "made"}
    assert {path.name: path.read_bytes() for path in folder.glob("*.glb")} == before


def test_lost_cameras_are_found_again_with_the_views(folder, request_):
    cameras = (folder / "cameras.json").read_bytes()
    (folder / "cameras.json").unlink()
    found = origins(run_job(folder, replace(request_, stop_after=Stage.VIEWS)))
    assert found["views"] == "made"
    assert (folder / "cameras.json").read_bytes() == cameras


def test_moved_cameras_make_the_shape_anew(folder, request_):
    data = json.loads((folder / "cameras.json").read_bytes())
    data["views"][0]["fov_deg"] += 1
    (folder / "cameras.json").write_text(json.dumps(data))
    assert origins(run_job(folder, replace(request_, stop_after=Stage.SHAPE)))["shape"] == "made"


def test_edited_views_without_their_cameras_are_no_input(folder, request_):
    with Image.open(folder / "views.png") as sheet:
        sheet.transpose(Image.Transpose.ROTATE_180).save(folder / "views.png")
    assert origins(run_job(folder, replace(request_, stop_after=Stage.SHAPE)))["views"] == "given"
    (folder / "cameras.json").unlink()
    with pytest.raises(ArtifactError, match=r"no cameras\.json"):
        run_job(folder, replace(request_, stop_after=Stage.SHAPE))


def test_a_job_changes_its_engine(folder, request_):
    other = replace(request_, engine=Engine.ONE2345_PLUS, stop_after=Stage.OCCUPANCY)
    assert origins(run_job(folder, other)) == {"matte": "reused", "views": "made", "occupancy": "made"}


def test_missing_networks_are_told_before_the_work(tmp_path, request_, tiny_weights):
    with pytest.raises(WeightsError, match="lack neural_sdf and zero123 for the engine one2345"):
        run_job(tmp_path, replace(request_, weights=str(tiny_weights)))
    assert not (tmp_path / "matte.png").exists()


def test_views_travel_with_their_cameras_to_a_reconstruction(tmp_path, finished, request_, capfd):
    shutil.copy(finished / "views.png", tmp_path / "given.png")
    command = ["reconstruct", str(tmp_path / "given.png"), "-o", str(tmp_path / "out.glb")]
    command += ["--engine", "one2345", "--weights", request_.weights, "--preset", "draft"]
    assert main(command) == 5
    assert "given.cameras.json" in capfd.readouterr().err
    shutil.copy(finished / "cameras.json", tmp_path / "given.cameras.json")
    assert main(command) == 0
    assert (tmp_path / "out.glb").stat().st_size > 1000


def test_the_command_views_writes_the_cameras_too(tmp_path, request_):
    target = tmp_path / "drawn.png"
    command = ["views", request_.image, "-o", str(target), "--engine", "one2345"]
    assert main([*command, "--weights", request_.weights, "--preset", "draft"]) == 0
    assert len(read_cameras(tmp_path / "drawn.cameras.json").cameras.fov) == 32


def test_published_weights_of_zero123_draw_the_views(tmp_path, cutout, weights, monkeypatch):
    monkeypatch.setattr(registry, "STARTER_FOLDER", weights)
    one = NovelSampling(steps=1)
    monkeypatch.setattr(work, "PUBLISHED_SAMPLING", ViewSetSampling(anchors=one, neighbours=one))
    small = partial(Zero123Published, layout=replace(ZERO123_LAYOUT, tile_px=32))
    monkeypatch.setattr(one2345, "Zero123Published", small)
    folder = write_zero123(tmp_path / "public", "b")
    wanted = Request(image=str(cutout), weights=str(folder), engine=Engine.ONE2345, stop_after=Stage.SHAPE)
    report = run_job(tmp_path / "job", wanted)
    assert (report["weights"]["licence"], set(report["weights"]["sha256"])) == (
        "MIT",
        {"vae", "image_encoder", "views", "zero123", "neural_sdf"},
    )
    fov = read_cameras(tmp_path / "job" / "cameras.json").cameras.fov
    assert torch.rad2deg(fov[0]).item() == pytest.approx(49.13, abs=0.01)


def test_weights_of_the_other_engine_are_refused_before_the_work(tmp_path, cutout):
    single = write_zero123(tmp_path / "single", "a")
    with pytest.raises(WeightsError, match="for the engine one2345; choose that engine"):
        run_job(tmp_path / "job", Request(image=str(cutout), weights=str(single)))
    with pytest.raises(WeightsError, match=r"for the engine one2345\+\+"):
        run_job(tmp_path / "job", Request(weights="zero123plus-v1.2", engine=Engine.ONE2345))
    with pytest.raises(WeightsError, match="models download zero123-xl"):
        run_job(tmp_path / "job", Request(image=str(cutout), weights="zero123-xl", engine=Engine.ONE2345))
    assert not (tmp_path / "job" / "matte.png").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stop_after": Stage.OCCUPANCY}, "no stage occupancy"),
        ({"start_from": Stage.OCCUPANCY}, "no stage occupancy"),
        ({"rig": "starter"}, "cameras of its own"),
        ({"reroll": (1,)}, "re-rolled tiles"),
    ],
)
def test_what_the_engine_does_not_know_is_refused(change: dict, said: str):
    with pytest.raises(ProtocolError, match=said):
        Request(engine=Engine.ONE2345, **change)


def test_requests_of_earlier_versions_mean_the_usual_engine():
    data = to_data(Request())
    del data["engine"]
    assert from_data(Request, data).engine is Engine.ONE2345_PLUS
