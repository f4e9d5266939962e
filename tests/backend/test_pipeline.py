"""A whole job with tiny random networks: repeatable, resumable, and never half done."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from backend import stage_rules, thumbnail
from backend.artifact_files import read_occupancy, write_occupancy
from backend.errors import ArtifactError, Cancelled, GpuMemoryError, WeightsError
from backend.geometry.glb_reader import read_glb, read_textured_glb
from backend.models.weights import read_weights, save_weights
from backend.protocol import STAGE_FILES, Preset, Progress, Request, Stage, StageDone
from tests.backend.conftest import TINY_OCCUPANCY
from tests.backend.quick import run_job

ALL_FILES = sorted(
    [name for names in STAGE_FILES.values() for name in names]
    + ["request.json", "stages.json", "thumbnail.png"]
)


pytestmark = pytest.mark.usefixtures("quick_jobs")


def origins(report: dict) -> dict[str, str]:
    return {name: entry["origin"] for name, entry in report["stages"].items()}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but the report, which holds times."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "report.json"}


@pytest.fixture(scope="module")
def request_(cutout, tiny_weights) -> Request:
    return Request(image=str(cutout), weights=str(tiny_weights), seed=3)


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


def test_job_leaves_every_artifact_and_a_closed_mesh(finished):
    assert sorted(contents(finished)) == ALL_FILES
    mesh = read_glb(finished / "mesh.glb")
    assert 4 <= len(mesh.faces) <= 200
    assert read_textured_glb(finished / "textured.glb").texture.min() < 255


def test_report_tells_what_was_made_and_from_which_weights(folder, request_):
    report = run_job(folder, request_)
    assert set(report["weights"]["sha256"]) == {"vae", "image_encoder", "views", "occupancy", "shape"}
    assert report["mesh"]["watertight"]
    assert all(entry["seconds"] > 0 for entry in report["stages"].values())
    assert all(entry["peak_process_mib"] > 0 for entry in report["stages"].values())


def test_same_seed_gives_identical_files(finished, tmp_path, request_):
    run_job(tmp_path / "again", request_)
    assert contents(tmp_path / "again") == contents(finished)


def test_finished_job_repeats_nothing(folder, request_):
    assert set(origins(run_job(folder, request_)).values()) == {"reused"}


@pytest.mark.parametrize("last", list(Stage)[:-1])
def test_resumed_job_equals_an_uninterrupted_one(finished, folder, request_, last):
    """All artifacts after `last` are lost."""
    for stage in list(Stage)[list(Stage).index(last) + 1 :]:
        for name in STAGE_FILES[stage]:
            (folder / name).unlink()
    report = run_job(folder, request_)
    assert [name for name, origin in origins(report).items() if origin == "reused"] == [
        stage.value for stage in list(Stage)[: list(Stage).index(last) + 1]
    ]
    assert contents(folder) == contents(finished)


def test_another_seed_makes_all_but_the_cutout_anew(folder, request_):
    other = Request(image=request_.image, weights=request_.weights, seed=4)
    found = origins(run_job(folder, other))
    assert found.pop("matte") == "reused"
    assert set(found.values()) == {"made"}


def test_edited_views_are_kept_and_what_follows_is_made_anew(folder, request_):
    sheet = np.array(Image.open(folder / "views.png"))
    sheet[:32, :32] = (10, 200, 30, 255)
    Image.fromarray(sheet).save(folder / "views.png")
    edited = (folder / "views.png").read_bytes()
    found = origins(run_job(folder, request_))
    assert found.pop("matte") == "unused"
    assert found.pop("views") == "given"
    assert set(found.values()) == {"made"}
    assert (folder / "views.png").read_bytes() == edited
    assert set(origins(run_job(folder, request_)).values()) == {"unused", "given", "reused"}


def test_edited_occupancy_shapes_the_mesh(folder, request_):
    occupancy = torch.zeros_like(read_occupancy(folder / "occupancy.npz"))
    occupancy[4:8, 4:8, 4:12] = True
    write_occupancy(occupancy, folder / "occupancy.npz")
    found = origins(run_job(folder, request_))
    assert (found["views"], found["occupancy"], found["shape"]) == ("reused", "given", "made")
    mesh = read_glb(folder / "mesh.glb")
    middle = (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2
    assert middle == pytest.approx([-0.125, -0.125, 0.0], abs=1 / 16)  # One cell.


def test_own_mesh_needs_only_the_views(tmp_path, finished, request_):
    for name in ("mesh.glb", "views.png"):
        shutil.copy(finished / name, tmp_path / name)
    request = Request(weights=request_.weights, seed=3)
    assert origins(run_job(tmp_path, request)) == {"views": "given", "mesh": "given", "texture": "made"}
    assert not (tmp_path / "shape.npz").exists()


def test_starting_from_a_stage_makes_it_and_later_ones_anew(finished, folder, request_):
    (folder / "shape.npz").write_bytes(b"spoilt")
    request = Request(image=request_.image, weights=request_.weights, seed=3, start_from=Stage.SHAPE)
    found = origins(run_job(folder, request))
    assert (found["occupancy"], found["shape"], found["texture"]) == ("given", "made", "made")
    assert (folder / "shape.npz").read_bytes() == (finished / "shape.npz").read_bytes()


def test_starting_after_a_missing_artifact_names_it(tmp_path, request_):
    request = Request(image=request_.image, weights=request_.weights, start_from=Stage.OCCUPANCY)
    with pytest.raises(ArtifactError, match=r"no views\.png"):
        run_job(tmp_path, request)


def test_job_stops_where_it_is_told(tmp_path, request_):
    request = Request(image=request_.image, weights=request_.weights, stop_after=Stage.VIEWS)
    run_job(tmp_path, request)
    assert sorted(contents(tmp_path)) == ["matte.png", "request.json", "stages.json", "views.png"]


def test_events_come_in_order_and_steps_count_up(tmp_path, request_):
    events = []
    run_job(tmp_path, request_, events.append)
    done = [event.stage for event in events if isinstance(event, StageDone)]
    assert done == list(Stage)
    steps = [event.step for event in events if isinstance(event, Progress) and event.stage is Stage.VIEWS]
    assert steps == [0, 1, 2]


@pytest.mark.parametrize("stage", list(Stage))
def test_cancelled_job_keeps_what_was_finished_and_goes_on(finished, tmp_path, request_, stage):
    def cancel(event):
        if isinstance(event, Progress) and event.stage is stage and event.step:
            raise Cancelled

    if stage in (Stage.MATTE, Stage.VIEWS):
        start = tmp_path / "job"
    else:  # Earlier stages are the same work again.
        start = Path(shutil.copytree(finished, tmp_path / "job"))
        for name in STAGE_FILES[stage]:
            (start / name).unlink()
    with pytest.raises(Cancelled):
        run_job(start, request_, cancel)
    assert not any((start / name).exists() for name in STAGE_FILES[stage])
    assert not list(start.glob(".part-*"))
    if stage not in (Stage.MATTE, Stage.VIEWS):
        run_job(start, request_)
        assert contents(start) == contents(finished)


def test_full_graphics_card_names_the_lower_preset(tmp_path, request_, monkeypatch):
    def fail(*args, **kwargs):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(stage_rules, "generate_views", fail)
    with pytest.raises(GpuMemoryError, match="views; use the preset draft"):
        run_job(tmp_path, request_)
    cheapest = Request(image=request_.image, weights=request_.weights, preset=Preset.DRAFT)
    with pytest.raises(GpuMemoryError, match="close other programs"):
        run_job(tmp_path, cheapest)


def test_memory_that_runs_out_at_the_thumbnail_is_told_as_such(folder, request_, monkeypatch):
    def fail(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr(thumbnail, "render", fail)
    with pytest.raises(GpuMemoryError, match="texture; use the preset draft"):
        run_job(folder, request_)


@pytest.mark.parametrize("change", ["missing", "shape"])
def test_wrong_tensor_is_named_and_nothing_is_lost(tmp_path, request_, tiny_weights, change):
    weights = Path(shutil.copytree(tiny_weights, tmp_path / "weights"))
    _, state = read_weights(weights, "occupancy")
    if change == "missing":
        del state["leave.weight"]
    else:
        state["leave.weight"] = state["leave.weight"][..., :1]
    save_weights(state, weights, "occupancy", config=TINY_OCCUPANCY)
    request = Request(image=request_.image, weights=str(weights))
    with pytest.raises(WeightsError, match=r"leave\.weight"):
        run_job(tmp_path / "job", request)
    assert (tmp_path / "job" / "views.png").exists()


def test_missing_network_is_named(tmp_path, request_, tiny_weights):
    weights = Path(shutil.copytree(tiny_weights, tmp_path / "weights"))
    (weights / "shape.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"shape\.safetensors"):
        run_job(tmp_path / "job", Request(image=request_.image, weights=str(weights)))
