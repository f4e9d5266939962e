"""What the tooltips of the qualities tell: time and memory on this machine."""

import bpy
import pytest

from tests.addon.extension import downloadable, jobs, properties, protocol, quality, timings

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("enabled")]

Preset, Stage = protocol.Preset, protocol.Stage


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def tooltips():
    settings = properties.scene_settings(bpy.context)
    return {Preset[name]: text for name, _, text in quality.items(settings, bpy.context)}


def report(*, device: float | None = None, process: float) -> dict[str, protocol.Json]:
    """A job's report as far as it tells memory."""
    entry: dict[str, protocol.Json] = {"peak_process_mib": process}
    if device is not None:
        entry["peak_device_mib"] = device
    return {"stages": {stage.value: entry for stage in Stage}}


def test_before_the_first_run_the_authors_measurements_stand_in(root):
    text = tooltips()[Preset.STANDARD]
    assert text.startswith("Balanced: 20 000 faces, 1024 px texture.")
    assert "Time: not known before the first run on this machine." in text
    measured = downloadable.memory_mib(protocol.Engine.ONE2345_PLUS, "starter")
    assert f"Memory: about {measured['cpu'] / 1024:.1f} GiB (processor)." in text
    assert f"Memory: about {measured['gpu'] / 1024:.1f} GiB (graphics card)." in text


def test_a_chosen_device_leaves_the_others_memory_out(enabled):
    enabled.device = "CPU"
    assert "graphics card" not in tooltips()[Preset.STANDARD]


def test_after_a_run_its_own_time_and_memory_are_told(root):
    timings.record(
        root,
        device="a",
        kind=timings.Kind(preset=Preset.DRAFT),
        seconds=dict.fromkeys(Stage, 4.0),
        memory_mib=2048.0,
    )
    found = tooltips()
    assert "Time: about 24 s on this machine." in found[Preset.DRAFT]
    assert "Memory: 2.0 GiB on this machine." in found[Preset.DRAFT]
    assert "not known before" in found[Preset.HIGH]


def test_a_quality_is_chosen_by_its_name(root):
    bpy.context.scene.one2345.preset = "DRAFT"
    assert bpy.context.scene.one2345.preset == "DRAFT"
    bpy.context.scene.one2345.property_unset("preset")
    assert bpy.context.scene.one2345.preset == "STANDARD"


def test_a_file_keeps_the_quality(root, tmp_path):
    bpy.context.scene.one2345.preset = "HIGH"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
    assert bpy.context.scene.one2345.preset == "HIGH"


def test_the_cards_memory_counts_where_there_is_one():
    assert timings.peak_mib(report(device=800.0, process=3000.0)) == 800.0
    assert timings.peak_mib(report(process=900.0)) == 900.0
    assert timings.peak_mib({}) is None


def test_memory_of_a_part_of_a_job_teaches_nothing(root):
    kind = timings.Kind(preset=Preset.DRAFT)
    timings.record(root, device="a", kind=kind, seconds={Stage.TEXTURE: 1.0}, memory_mib=10.0)
    assert timings.usual_memory_mib(root, device="a") == {}


def test_the_largest_of_the_last_runs_counts(root):
    kind = timings.Kind(preset=Preset.DRAFT)
    for mib in (5000.0, 1.0, 2.0, 4.0, 3.0, 1.0):
        timings.record(root, device="a", kind=kind, seconds=dict.fromkeys(Stage, 1.0), memory_mib=mib)
    assert timings.usual_memory_mib(root, device="a") == {Preset.DRAFT: 4.0}


def test_a_job_teaches_what_its_report_tells(root, make_launch, picture):
    job_id = jobs.submit(lambda folder: picture, jobs.Settings(), title="toy", launch=make_launch("works"))
    jobs.wait(job_id)
    assert timings.usual_memory_mib(root, device="Fake device") == {Preset.STANDARD: 1536.0}
