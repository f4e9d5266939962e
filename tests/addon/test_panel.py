"""What the panels show in each state, drawn into a layout that records and checks every call."""

import importlib
import time
from dataclasses import replace
from types import SimpleNamespace

import bpy
import pytest

from tests.addon.extension import (
    PACKAGE,
    client,
    drawing,
    installer_state,
    jobs,
    menus,
    panel,
    panel_history,
    panel_rework,
    panel_settings,
    panel_text,
    protocol,
    rows,
    status_bar,
    ticking,
)

section = importlib.import_module(f"{PACKAGE}.addon.installer.section")

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("enabled")]

FUNCTIONS = bpy.types.UILayout.bl_rna.functions
PROPERTIES = bpy.types.UILayout.bl_rna.properties
BUILT_IN = {"text", "icon", "icon_value", "translate", "text_ctxt"}


class Recorder:
    """Stands in for a UILayout; a call that Blender would refuse fails here too."""

    calls: list[tuple[str, object]]

    def __init__(self, calls=None):
        self.__dict__["calls"] = [] if calls is None else calls

    def __setattr__(self, name, value):
        assert name in PROPERTIES, name
        self.calls.append((name, value))

    def __getattr__(self, name):
        parameters = [
            parameter.identifier for parameter in FUNCTIONS[name].parameters if not parameter.is_output
        ]

        def call(*arguments, **keywords):
            assert set(keywords) <= set(parameters), (name, keywords)
            if name == "prop":
                assert arguments[1] in arguments[0].bl_rna.properties, arguments
            if name == "operator":
                group, _, action = arguments[0].partition(".")
                assert hasattr(getattr(bpy.ops, group), action), arguments
                self.calls.append((name, arguments[0]))
                return SimpleNamespace()
            self.calls.append((name, keywords.get("text") or arguments))
            return Recorder(self.calls)

        return call


def drawn(cls):
    """The texts and calls of a panel."""
    if hasattr(cls, "poll") and not cls.poll(bpy.context):
        return []
    recorder = Recorder()
    cls.draw(SimpleNamespace(layout=recorder), bpy.context)
    return recorder.calls


def texts(cls):
    return " ".join(str(value) for _, value in drawn(cls))


@pytest.fixture
def running(make_launch, picture):
    """Submits a job and polls until something holds of it."""

    def start(behaviour, is_there=lambda job: True):
        job_id = jobs.submit(
            lambda folder: picture, jobs.Settings(seed=5), title="toy", launch=make_launch(behaviour)
        )
        job = jobs.status(job_id)
        while not is_there(job):
            jobs.poll()
        return job

    return start


def poll_until(is_there):
    for _ in range(20_000):
        if is_there():
            return
        jobs.poll()
        time.sleep(0.001)
    pytest.fail("it did not come about")


def choose_picture(enabled, make_python):
    enabled.python = str(make_python("works"))
    bpy.context.scene.one2345.image = bpy.data.images.new("made", 2, 2)


def test_without_a_picture_the_button_is_off_and_says_why():
    calls = drawn(panel.ONE2345_PT_generate)
    assert ("enabled", False) in calls
    assert ("label", "Choose a picture first") in calls


def test_without_a_python_it_leads_to_the_preferences(enabled, make_python):
    choose_picture(enabled, make_python)
    enabled.python = "/nowhere/python"
    shown = texts(panel.ONE2345_PT_generate)
    assert "no Python at" in shown
    assert "preferences.addon_show" in shown


def test_with_everything_there_the_button_is_on(enabled, make_python):
    choose_picture(enabled, make_python)
    calls = drawn(panel.ONE2345_PT_generate)
    assert ("enabled", True) in calls
    assert ("scale_y", 1.6) in calls
    assert ("operator", "one2345.generate") in calls


def line_of(job):
    """The texts of a job's line in the list."""
    recorder = Recorder()
    row = SimpleNamespace(job=job.id)
    draw = vars(panel_history.ONE2345_UL_jobs)["draw_item"]
    draw(SimpleNamespace(), bpy.context, recorder, None, row, 0, None, rows.ACTIVE)
    return " ".join(str(value) for _, value in recorder.calls)


def test_a_job_that_waits_for_the_backend_says_so(running, enabled, make_python):
    choose_picture(enabled, make_python)
    running("waits")
    assert "Starting..." in texts(panel.ONE2345_PT_generate)


def test_jobs_that_wait_for_another_can_be_moved(running, enabled, make_python):
    choose_picture(enabled, make_python)
    running("waits", lambda job: job.stage is not None)
    second, third = running("waits"), running("waits")
    assert [job.id for job in jobs.open_jobs()][1:] == [second.id, third.id]
    bpy.ops.one2345.move_job(job=third.id, steps=-1)
    assert [job.id for job in jobs.open_jobs()][1:] == [third.id, second.id]
    assert "one2345.move_job" in texts(panel.ONE2345_PT_generate)


def test_a_running_job_shows_its_stage_the_total_and_cancel(running, enabled, make_python):
    choose_picture(enabled, make_python)
    running("waits", lambda job: job.stage is not None)
    shown = texts(panel.ONE2345_PT_generate)
    assert "Six views  1/4" in shown
    assert "9%" in shown  # a quarter of the stage's 36 %
    assert "Cut out" in shown
    assert "one2345.cancel" in shown


def test_the_six_views_are_shown_once_they_are_there(running, enabled, make_python):
    choose_picture(enabled, make_python)
    job = running("waits", lambda job: job.stage is not None)

    def num_pictures():
        return [name for name, _ in drawn(panel.ONE2345_PT_generate)].count("template_icon")

    before = num_pictures()
    assert num_redo_buttons() == 0
    job.finished[protocol.Stage.VIEWS] = 1.0
    assert num_pictures() == before + 1
    assert num_redo_buttons() == protocol.NUM_TILES
    jobs.cancel(job.id)
    assert num_redo_buttons() == 0


def num_redo_buttons():
    calls = drawn(panel.ONE2345_PT_generate)
    return calls.count(("operator", "one2345.redo_view"))


def test_views_that_cannot_be_drawn_one_by_one_have_no_buttons(running, enabled, make_python):
    choose_picture(enabled, make_python)
    job = running("waits", lambda job: job.stage is not None)
    job.request = replace(job.request, engine=protocol.Engine.ONE2345)
    job.finished[protocol.Stage.VIEWS] = 1.0
    assert num_redo_buttons() == 0


def test_a_finished_job_is_listed_with_what_can_be_done(running):
    job = running("works", lambda job: not job.is_open)
    ticking.redraw()
    calls = drawn(panel_history.ONE2345_PT_results)
    assert ("label", "Standard, seed 5") in calls
    assert ("label", "One-2-3-45++, Starter") in calls
    for name in ("import_result", "reuse_settings", "show_folder", "remove_job"):
        assert ("operator", f"one2345.{name}") in calls
    assert line_of(job).endswith("toy  2 s")  # six stages of a quarter of a second
    assert ("operator", "one2345.cancel") not in drawn(panel.ONE2345_PT_generate)


def test_an_error_is_shown_in_full_and_can_be_dismissed(running, enabled, make_python):
    choose_picture(enabled, make_python)
    job = running("fails", lambda job: not job.is_open)
    shown = texts(panel.ONE2345_PT_generate)
    assert "The picture shows no object. Try another." in shown.replace(" ('label'", "")
    assert "one2345.open_log" in shown
    assert "one2345.continue_job" in shown
    bpy.ops.one2345.dismiss(job=job.id)
    assert "no object" not in texts(panel.ONE2345_PT_generate)
    assert line_of(job).endswith("toy  Failed")


def test_the_menus_offer_what_is_there_to_draw(enabled):
    shown = texts(menus.ONE2345_MT_add)
    for name in ("generate_from_file", "generate_folder", "generate", "paste", "snapshot", "cancel"):
        assert f"one2345.{name}" in shown


def test_the_results_panel_hides_when_empty():
    assert drawn(panel_history.ONE2345_PT_results) == []


def test_the_import_panel_offers_place_and_size():
    shown = texts(panel_settings.ONE2345_PT_import)
    for name in (
        "place",
        "size",
        "collection",
        "faces",
        "texture_px",
        "use_photo",
        "flat_base",
        "topology",
        "pack",
    ):
        assert name in shown
    assert "catalogue" not in shown
    bpy.context.scene.one2345.is_asset = True
    assert "tags" in texts(panel_settings.ONE2345_PT_import)


def test_the_backend_panel_tells_state_device_and_memory_as_it_is(enabled, make_python, running, session):
    enabled.python = str(make_python("works"))
    assert "Not running" in texts(panel_settings.ONE2345_PT_backend)
    job = running("works --pace 0.05", lambda job: session.client.ready is not None)
    assert "Working: Fake device" in texts(panel_settings.ONE2345_PT_backend)
    assert "Memory: 3.0 of 4.0 GiB free" in texts(panel_settings.ONE2345_PT_backend)
    poll_until(lambda: not job.is_open and session.client.ready.free_bytes < 3 << 30)
    assert "Ready: Fake device" in texts(panel_settings.ONE2345_PT_backend)
    assert "Memory: 2.0 of 4.0 GiB free" in texts(panel_settings.ONE2345_PT_backend)
    assert set(panel_settings._STATE_TEXTS) == set(client.State)


def test_the_backend_can_be_started_before_the_first_job(enabled, make_python, session):
    enabled.python = str(make_python("works"))
    calls = drawn(panel_settings.ONE2345_PT_backend)
    assert ("operator", "one2345.start_backend") in calls
    assert ("operator", "one2345.stop_backend") not in calls
    bpy.ops.one2345.start_backend()
    poll_until(lambda: session.client.state is client.State.IDLE)
    calls = drawn(panel_settings.ONE2345_PT_backend)
    assert ("operator", "one2345.start_backend") not in calls
    assert ("operator", "one2345.stop_backend") in calls
    assert not bpy.ops.one2345.start_backend.poll()


def test_a_backend_that_cannot_be_started_says_why(enabled):
    enabled.python = "/nowhere/python"
    with pytest.raises(RuntimeError, match="There is no Python at"):
        bpy.ops.one2345.start_backend()


def test_on_a_first_run_the_card_stands_alone(enabled):
    enabled.python = "/nowhere/python"
    panels = (*panel.CLASSES[1:], *panel_rework.CLASSES, *panel_settings.CLASSES, *panel_text.CLASSES)
    parts = [cls for cls in panels if getattr(cls, "bl_parent_id", "")]
    assert len(parts) == 8
    assert [cls.__name__ for cls in parts if cls.poll(bpy.context)] == []


def test_long_words_and_sentences_are_cut_to_the_width():
    assert drawing.wrapped("one two three", 7) == ["one two", "three"]
    assert drawing.wrapped("a /very/long/path b", 6) == ["a", "/very/", "long/p", "ath b"]
    assert drawing.wrapped("", 10) == []


def test_the_status_bar_tells_of_the_running_job_alone(running):
    header = SimpleNamespace(layout=Recorder())
    # Only Blender makes a Header.
    status_bar.draw(header, bpy.context)  # pyright: ignore[reportArgumentType]
    assert header.layout.calls == []
    job = running("waits", lambda job: job.stage is not None)
    status_bar.draw(header, bpy.context)  # pyright: ignore[reportArgumentType]
    assert ("label", job.title) in header.layout.calls
    jobs.cancel(job.id)
    jobs.wait(job.id)
    assert status_bar.running_job() is None


def test_another_add_on_that_sets_the_status_text_does_not_put_us_out():
    drawn_before = bpy.types.STATUSBAR_HT_header.draw
    bpy.types.STATUSBAR_HT_header.draw = lambda self, context: None  # as its `status_text_set` does
    status_bar.redraw()
    assert status_bar.draw in bpy.types.STATUSBAR_HT_header.draw._draw_funcs
    bpy.types.STATUSBAR_HT_header.draw = drawn_before


def test_an_installation_can_be_verified_beside_repair(monkeypatch, tmp_path):
    monkeypatch.setattr(section.INSTALLATION, "look", lambda root: installer_state.Phase.READY)
    recorder = Recorder()
    section.draw(bpy.context, recorder, tmp_path)
    buttons = [value for kind, value in recorder.calls if kind == "operator"]
    assert buttons[:2] == ["one2345.verify", "one2345.repair"]


def test_each_fault_that_was_found_has_a_line_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setattr(section.INSTALLATION, "look", lambda root: installer_state.Phase.BROKEN)
    monkeypatch.setattr(section.INSTALLATION, "problems", ["Torch is gone.", "The model is gone."])
    recorder = Recorder()
    section.draw(bpy.context, recorder, tmp_path)
    labels = [value for kind, value in recorder.calls if kind == "label"]
    assert labels[:2] == ["Torch is gone.", "The model is gone."]
    assert ("operator", "one2345.repair") in recorder.calls
