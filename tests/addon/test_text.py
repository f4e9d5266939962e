"""From words to pictures to an object, against the fake backend."""

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import bpy
import pytest

from tests.addon.extension import download as download_module
from tests.addon.extension import (
    downloadable,
    drawn,
    errors,
    jobs,
    panel,
    panel_text,
    scripting,
    ticking,
)
from tests.addon.test_panel import drawn as shown_by

pytestmark = pytest.mark.blender


@pytest.fixture
def installed(enabled, make_python, tmp_path):
    """A backend, and SDXL Turbo in the data folder."""
    enabled.python = str(make_python("works"))
    place = tmp_path / "data" / "models" / "text" / "sdxl-turbo"
    place.mkdir(parents=True)
    (place / "model_index.json").write_text("{}")
    return place


def panel_settings():
    return bpy.context.scene.one2345


def test_words_become_pictures_and_the_chosen_one_an_object_that_remembers_them(installed):
    panel_settings().prompt = "a red chair"
    assert bpy.ops.one2345.draw_pictures(candidates=3, seed=7) == {"FINISHED"}
    job = drawn.newest()
    assert job is not None
    assert sorted(drawn.pictures_of(job)) == [1, 2, 3]
    assert job.request.text is not None
    assert (job.request.seed, job.request.text.model) == (7, "sdxl-turbo")
    bpy.ops.one2345.pick_picture(number=2)
    image = panel_settings().image
    assert (image.name, image["one2345_prompt"]) == ("a red chair", "a red chair")
    assert image.packed_file.data == (job.folder / "candidate-2.png").read_bytes()
    bpy.ops.one2345.generate()
    made = bpy.context.object
    assert made is not None
    assert (made.name, made["one2345_prompt"]) == ("a red chair", "a red chair")
    text = jobs.recent()[0].request.text
    assert (text.prompt, text.candidates) == ("a red chair", 0)


def test_drawn_pictures_are_no_part_of_the_history_and_go_with_the_next_words(installed):
    bpy.ops.one2345.draw_pictures(prompt="one")
    first = drawn.newest()
    bpy.ops.one2345.pick_picture(number=1)
    bpy.ops.one2345.draw_pictures(prompt="two")
    assert not first.folder.exists()
    assert [job.title for job in jobs.SESSION.jobs.values()] == ["two"]
    assert jobs.recent() == []
    assert panel_settings().image.packed_file is not None


def test_pictures_of_a_session_that_has_ended_are_cleared_away(installed, session):
    bpy.ops.one2345.draw_pictures(prompt="one")
    ours = drawn.newest().folder
    theirs = ours.with_name("20260101-000000-theirs")
    shutil.copytree(ours, theirs)
    entry = json.loads((theirs / "job.json").read_text())
    dead = subprocess.Popen(["true"])
    dead.wait()
    (theirs / "job.json").write_text(json.dumps(entry | {"pid": dead.pid}))
    ticking.recall()
    assert ours.is_dir()
    assert not theirs.exists()


def test_a_cut_out_leaves_drawn_pictures_alone(installed, picture):
    bpy.ops.one2345.draw_pictures(prompt="one")
    bpy.ops.one2345.pick_picture(number=1)
    bpy.ops.one2345.show_cut_out()
    bpy.ops.one2345.show_cut_out()
    job = drawn.newest()
    assert job is not None
    assert drawn.pictures_of(job)


def test_a_drawing_is_no_measure_of_a_jobs_time(installed, tmp_path):
    bpy.ops.one2345.draw_pictures(prompt="one")
    assert not list((tmp_path / "data").glob("timings*"))
    assert not drawn.newest().is_measured


@pytest.mark.parametrize("prompt", ["", "   "])
def test_no_words_draw_nothing(installed, prompt):
    with pytest.raises(RuntimeError, match="Say in a few words"):
        bpy.ops.one2345.draw_pictures(prompt=prompt)


def test_a_folder_must_be_named(installed):
    panel_settings().text_model = "FOLDER"
    with pytest.raises(RuntimeError, match="Choose the folder"):
        bpy.ops.one2345.draw_pictures(prompt="one")


def test_a_picture_that_is_not_there_cannot_be_chosen(installed):
    with pytest.raises(RuntimeError, match="Draw pictures first"):
        bpy.ops.one2345.pick_picture(number=1)
    bpy.ops.one2345.draw_pictures(prompt="one", candidates=2)
    with pytest.raises(RuntimeError, match="no picture 3"):
        bpy.ops.one2345.pick_picture(number=3)


def test_why_nothing_was_drawn_is_told(installed, enabled, make_python):
    enabled.python = str(make_python("fails"))
    with pytest.raises(RuntimeError, match="shows no object"):
        bpy.ops.one2345.draw_pictures(prompt="one")


def test_a_script_draws_and_goes_on(installed):
    job = scripting.draw_pictures("red chair", candidates=2)
    assert scripting.wait(job).state == "done"
    first, second = scripting.pictures(job)
    done = scripting.submit(second, preset="draft")
    scripting.wait(done)
    assert scripting.import_result(done)["one2345_prompt"] == "red chair"
    with pytest.raises(errors.AddonError):
        scripting.draw_pictures("")
    assert first.packed_file is not None


def test_the_panel_shows_words_then_pictures_to_choose_from(installed):
    settings = panel_settings()
    calls = shown_by(panel_text.ONE2345_PT_text)
    assert ("enabled", False) in calls  # no words yet
    settings.prompt = "a red chair"
    assert ("enabled", True) in shown_by(panel_text.ONE2345_PT_text)
    bpy.ops.one2345.draw_pictures(candidates=2)
    calls = shown_by(panel_text.ONE2345_PT_text)
    assert calls.count(("operator", "one2345.pick_picture")) == 2


def test_the_panel_shows_how_far_the_drawing_is(enabled, make_launch):
    request = drawn.words("chair", model="sdxl", candidates=4)
    enabled.python = str(make_launch("waits").python)
    job = jobs.status(drawn.draw(bpy.context, request, seed=0))
    while job.stage is None:
        jobs.poll()
    texts = " ".join(str(value) for _, value in shown_by(panel.ONE2345_PT_generate))
    assert "Drawing" in texts
    assert "Cutting out" not in texts


def test_a_model_that_is_missing_is_named_with_size_and_licence(enabled, make_python):
    enabled.python = str(make_python("works"))
    panel_settings().prompt = "chair"
    calls = shown_by(panel_text.ONE2345_PT_text)
    words = " ".join(str(value) for name, value in calls if name == "label")
    assert "SDXL Turbo is not on this disk: 6.9 GB" in words
    assert "Non-Commercial" in words
    assert ("operator", "one2345.download_network") in calls
    assert ("enabled", False) in calls


@pytest.fixture
def download(enabled, tmp_path, monkeypatch):
    """A Python whose download behaves as a line of shell says; gives what follows it."""
    monkeypatch.setattr(download_module, "DOWNLOAD", download_module.Download())
    monkeypatch.setattr("one2345.addon.download_operators.check_online", lambda: None)

    def use(line):
        python = tmp_path / "python-download"
        python.write_text(f"#!/bin/sh\n{line}\n")
        python.chmod(0o755)
        enabled.python = str(python)
        monkeypatch.setattr("one2345.addon.download_operators.DOWNLOAD", download_module.DOWNLOAD)
        return download_module.DOWNLOAD

    return use


def test_a_download_asks_for_the_licence_and_names_the_model(download, tmp_path):
    told = tmp_path / "told"
    fetching = download(f'echo "$@ offline=$HF_HUB_OFFLINE" > {shlex.quote(str(told))}')
    with pytest.raises(RuntimeError, match="Accept it to download"):
        bpy.ops.one2345.download_network(name="sdxl-turbo")
    assert bpy.ops.one2345.download_network(name="sdxl-turbo", accepts=True) == {"FINISHED"}
    assert told.read_text() == "-m backend models download sdxl-turbo --accept-licence offline=0\n"
    assert not fetching.is_busy
    assert fetching.message == ""


def test_why_a_download_failed_is_told(download):
    fetching = download('echo "error: The disk is full" >&2; exit 8')
    bpy.ops.one2345.download_network(name="sdxl", accepts=True)
    assert fetching.message == "The disk is full"


def test_a_download_tells_how_far_it_is_and_can_be_stopped(download, tmp_path):
    fetching = download("sleep 60")
    entry = downloadable.entry_of("sdxl")
    fetching.start(entry, jobs_launch(tmp_path))
    part = tmp_path / "data" / "models" / "text" / "sdxl.part"
    part.mkdir(parents=True)
    with (part / "tensors").open("wb") as file:
        file.truncate(entry.bytes // 2)
    assert fetching.fraction == pytest.approx(0.5)
    assert fetching.poll()
    fetching.stop()
    assert not fetching.is_busy
    assert (part / "tensors").exists()


def jobs_launch(tmp_path):
    from tests.addon.extension import launch

    return launch.Launch(python=tmp_path / "python-download", data_root=tmp_path / "data")


def test_the_table_is_the_backends_own():
    from backend.models.text_models import TEXT_MODELS, place_of

    table = json.loads((downloadable.TABLES / "text_models.json").read_text())
    assert [entry.name for entry in downloadable.text_models()] == list(table)
    for entry, model in zip(downloadable.text_models(), TEXT_MODELS, strict=True):
        assert (entry.title, entry.licence, entry.bytes) == (model.title, model.licence, model.bytes)
        assert entry.place(Path("/x")) == place_of(entry.name, Path("/x"))
