"""Jobs whose views come from published weights: rigs, steering, normals, what is missing."""

import json
from dataclasses import replace

import pytest
import torch

from backend import presets, work
from backend.artifact_files import read_views, write_rgba, write_views
from backend.errors import ConfigError, WeightsError
from backend.geometry.cameras import RIGS
from backend.jobs import Job
from backend.models import registry
from backend.protocol import NORMALS_FILE, Request, Stage
from tests.backend.models.public_weights import TILE_PX, write_controlnet, write_zero123plus
from tests.backend.quick import quick_presets, run_job


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = write_zero123plus(tmp_path_factory.mktemp("public") / "mine-v1.1")
    write_controlnet(folder / "controlnet-depth")
    return folder


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Presets of two steps, and tiles of the small networks."""
    monkeypatch.setattr(work, "PRESETS", quick_presets())
    rigs = {name: replace(rig, tile_px=TILE_PX) for name, rig in RIGS.items()}
    monkeypatch.setattr(registry, "RIGS", rigs)
    plain = registry.find_weights
    for module in ("backend.pipeline",):
        monkeypatch.setattr(
            f"{module}.find_weights", lambda name, root=None: replace(plain(name, root), min_view_steps=1)
        )


@pytest.fixture
def picture(tmp_path):
    values = torch.rand(4, 64, 64, generator=torch.Generator().manual_seed(0))
    values[3] = 0
    values[3, 16:48, 20:44] = 1
    write_rgba(values, tmp_path / "picture.png")
    return str(tmp_path / "picture.png")


def request(picture, folder, **settings):
    return Request(image=picture, weights=str(folder), stop_after=Stage.VIEWS, **settings)


def test_weights_that_are_not_there_are_told_before_any_stage_runs(picture, tmp_path):
    with pytest.raises(WeightsError, match=r"not on this disk; run `models download zero123plus-v1\.2"):
        run_job(tmp_path / "job", request(picture, "zero123plus-v1.2"))
    assert not list((tmp_path / "job").iterdir())


def test_a_folder_of_public_weights_draws_the_views(picture, weights, tmp_path):
    report = run_job(tmp_path / "job", request(picture, weights))
    assert read_views(tmp_path / "job" / "views.png").shape == (6, 4, TILE_PX, TILE_PX)
    assert set(report["weights"]["sha256"]) == {"vae", "image_encoder", "views"}
    assert report["rig"]["fov_deg"] == pytest.approx(49.134, abs=1e-3)
    assert report["rig"]["elevations_deg"] == [30, -20] * 3
    assert not (tmp_path / "job" / NORMALS_FILE).exists()


def test_other_ramping_coefficients_make_the_views_anew(picture, weights, tmp_path):
    events = []
    run_job(tmp_path / "job", request(picture, weights))
    run_job(tmp_path / "job", request(picture, weights), on_event=events.append)
    assert [event.reused for event in events if hasattr(event, "reused")] == [True, True]
    index = weights / "model_index.json"
    before = index.read_text()
    index.write_text(json.dumps(json.loads(before) | {"ramping_coefficients": [0.5] * 6}))
    events.clear()
    run_job(tmp_path / "job", request(picture, weights), on_event=events.append)
    index.write_text(before)
    assert [event.reused for event in events if hasattr(event, "reused")] == [True, False]


def test_depth_steers_the_views(picture, weights, tmp_path):
    write_views(torch.rand(6, 4, TILE_PX, TILE_PX), tmp_path / "depth.png")
    depth = str(tmp_path / "depth.png")
    run_job(tmp_path / "plain", request(picture, weights))
    run_job(tmp_path / "steered", request(picture, weights, depth=depth))
    plain, steered = (read_views(tmp_path / name / "views.png") for name in ("plain", "steered"))
    assert not torch.equal(plain, steered)


def test_normals_lie_beside_the_views(picture, tmp_path):
    folder = write_zero123plus(tmp_path / "mine-v1.2")
    write_controlnet(folder / "controlnet-normals")
    steps = []
    wanted = request(picture, folder, normals=True)
    run_job(tmp_path / "job", wanted, on_event=lambda event: steps.append(getattr(event, "step", None)))
    assert read_views(tmp_path / "job" / NORMALS_FILE).shape == (6, 4, TILE_PX, TILE_PX)
    assert [step for step in steps if step] == [1, 1, 2, 3, 4]


def test_weights_without_a_network_for_it_cannot_be_steered(picture, weights, tmp_path):
    write_views(torch.rand(6, 4, TILE_PX, TILE_PX), tmp_path / "depth.png")
    with pytest.raises(ConfigError, match="no network for normals; use zero123plus"):
        run_job(tmp_path / "job", request(picture, weights, normals=True))
    with pytest.raises(ConfigError, match="no network for depth; use zero123plus"):
        run_job(tmp_path / "job2", request(picture, "starter", depth=str(tmp_path / "depth.png")))


def test_a_set_that_is_not_downloaded_says_how_to_get_it(picture, tmp_path):
    with pytest.raises(WeightsError, match=r"models download zero123plus-v1\.2 --accept-licence"):
        run_job(tmp_path / "job", request(picture, "zero123plus-v1.2"))


def test_public_weights_have_their_own_guidance_and_enough_steps():
    sets = {item.name: item for item in registry.weight_sets()}
    values = work.Settings.of(Request(), replace(sets["zero123plus-v1.2"], min_view_steps=28)).views
    assert (values.steps, values.guidance) == (28, 4.0)
    ours = work.Settings.of(Request(), sets["starter"]).views
    assert (ours.steps, ours.guidance) == (2, presets.PRESETS[Request().preset].guidance)


def test_stages_after_the_views_use_the_starter_networks(picture, weights, tmp_path):
    report = run_job(tmp_path / "job", replace(request(picture, weights), stop_after=Stage.OCCUPANCY))
    assert "occupancy" in report["weights"]["sha256"]
    assert Job(tmp_path / "job").is_whole(Stage.OCCUPANCY)
