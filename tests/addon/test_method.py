"""The choice of the method and of the networks."""

import json

import bpy
import pytest

from tests.addon.extension import (
    downloadable,
    errors,
    jobs,
    panel,
    panel_settings,
    protocol,
    readiness,
    scripting,
    timings,
)
from tests.addon.reworking import JOB, assets, job_folder
from tests.addon.test_panel import drawn, texts

pytestmark = pytest.mark.blender

__all__ = ["assets", "job_folder"]

Engine = protocol.Engine


@pytest.fixture
def ready(enabled, make_python):
    """A backend and a picture; gives the panel's settings."""
    enabled.python = str(make_python("works"))
    settings = bpy.context.scene.one2345
    settings.image = bpy.data.images.new("made", 2, 2)
    return settings


def test_the_panels_method_and_weights_reach_the_job(ready, tmp_path):
    ready.engine, ready.weights, ready.weights_folder = "ONE2345", "FOLDER", str(tmp_path)
    bpy.ops.one2345.generate()
    request = jobs.recent()[0].request
    assert (request.engine, request.weights) == (Engine.ONE2345, str(tmp_path))
    bpy.ops.one2345.generate(engine="ONE2345_PLUS", weights="starter")
    request = jobs.recent()[0].request
    assert (request.engine, request.weights) == (Engine.ONE2345_PLUS, "starter")


def test_a_folder_must_be_named(ready):
    ready.weights = "FOLDER"
    with pytest.raises(RuntimeError, match="Choose the folder of the weights"):
        bpy.ops.one2345.generate()


def test_settings_are_taken_over_from_a_job(ready, tmp_path):
    bpy.ops.one2345.generate(engine="ONE2345", weights=str(tmp_path))
    bpy.ops.one2345.reuse_settings()
    assert (ready.engine, ready.weights, ready.weights_folder) == ("ONE2345", "FOLDER", str(tmp_path))


def test_the_other_engine_has_no_coarse_shape_among_its_stages(ready):
    bpy.ops.one2345.generate(engine="ONE2345")
    job = jobs.recent()[0]
    assert protocol.Stage.OCCUPANCY not in job.stages
    assert protocol.Stage.OCCUPANCY not in job.possible_starts
    assert job.stages[-1] is protocol.Stage.TEXTURE


def test_weights_that_are_missing_switch_the_button_off_and_offer_the_download(ready, tmp_path):
    ready.weights = "zero123plus-v1.2"
    assert readiness.problem(bpy.context).cure == readiness.NETWORK
    calls = drawn(panel.ONE2345_PT_generate)
    assert ("enabled", False) in calls
    assert ("operator", "one2345.download_network") in calls
    assert "5.6 GB, CC-BY-NC-4.0" in " ".join(str(value) for name, value in calls if name == "label")
    downloadable.entry_of("zero123plus-v1.2").place(tmp_path / "data").mkdir(parents=True)
    assert readiness.problem(bpy.context) is None
    assert "CC-BY-NC-4.0" in texts(panel_settings.ONE2345_PT_method)


def test_weights_of_the_other_engine_switch_the_button_off(ready, tmp_path):
    ready.engine, ready.weights = "ONE2345", "zero123plus-v1.2"
    assert readiness.problem(bpy.context).cure == readiness.METHOD
    assert ("label", "These weights are for the other") in drawn(panel.ONE2345_PT_generate)
    ready.engine = "ONE2345_PLUS"
    assert readiness.problem(bpy.context).cure == readiness.NETWORK


def test_the_memory_that_was_measured_is_told(ready):
    mib = downloadable.memory_mib(Engine.ONE2345_PLUS, "starter")["cpu"]
    assert f"{mib / 1024:.1f} GiB of CPU memory" in texts(panel_settings.ONE2345_PT_method)


def test_times_of_one_method_say_nothing_of_another(tmp_path):
    kinds = [
        timings.Kind(preset=protocol.Preset.DRAFT),
        timings.Kind(preset=protocol.Preset.DRAFT, engine=Engine.ONE2345),
        timings.Kind(preset=protocol.Preset.DRAFT, weights="zero123plus-v1.2"),
    ]
    for number, kind in enumerate(kinds, start=1):
        stages = protocol.ENGINE_STAGES[kind.engine]
        timings.record(tmp_path, device="a", kind=kind, seconds=dict.fromkeys(stages, number))
    known = [
        timings.usual_seconds(tmp_path, device="a", engine=kind.engine, weights=kind.weights)
        for kind in kinds
    ]
    assert [times[protocol.Preset.DRAFT] for times in known] == [6, 10, 18]


def test_an_object_of_the_other_engine_has_no_views_to_edit(job_folder):
    path = job_folder / "request.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"engine": "one2345"}))
    with pytest.raises(RuntimeError, match="made by One-2-3-45"):
        bpy.ops.one2345.open_views(job=JOB)
    with pytest.raises(RuntimeError, match="made by One-2-3-45"):
        bpy.ops.one2345.edit_shape(job=JOB)


def test_scripts_name_an_engine_as_the_command_line_does(ready):
    job = scripting.submit("made", engine="one2345")
    assert jobs.status(job).request.engine is Engine.ONE2345
    with pytest.raises(errors.AddonError, match=r"choose one of one2345\+\+, one2345"):
        scripting.submit("made", engine="other")


def test_the_table_is_the_backends_own(tmp_path):
    pytest.importorskip("torch")
    from backend.models.public_models import public_model
    from backend.models.registry import weight_sets

    for entry in downloadable.view_weights():
        model = public_model(entry.name)
        assert (entry.title, entry.licence, entry.is_free) == (model.title, model.licence, model.is_free)
        assert entry.place(tmp_path) == model.place(tmp_path)
    names = {entry.name for entry in downloadable.view_weights()}
    assert {"zero123plus-v1.1", "zero123plus-v1.2"} <= names <= {item.name for item in weight_sets()}
