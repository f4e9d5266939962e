"""One view drawn anew by a click beside the views, while a job runs and after."""

import json
from pathlib import Path

import bpy
import numpy as np
import pytest

from tests.addon.extension import history, jobs, panel, panel_rework, protocol, rework, views_sheet
from tests.addon.reworking import JOB, assets, job_folder, newest, png_pixels, result, sheet
from tests.addon.test_panel import drawn, poll_until

pytestmark = pytest.mark.blender

__all__ = ["assets", "job_folder", "result"]

Stage = protocol.Stage


@pytest.fixture
def held(enabled, make_python, picture, monkeypatch):
    """A job that stays in the fine shape, so that its views are there."""
    monkeypatch.setattr(rework, "finish", lambda job_id: None)  # in a window nobody waits
    enabled.python = str(make_python("works --hold shape"))
    for name in ("chair", "lamp"):
        jobs.submit(
            lambda folder: picture,
            jobs.Settings(seed=5, placement=jobs.Placement(size=3.0, location=(1, 2, 3))),
            title=name,
            launch=rework.launch_from(bpy.context),
        )
    first = next(iter(jobs.SESSION.jobs.values()))
    poll_until(lambda: first.stage is Stage.SHAPE and first.step > 1)
    return first


def redone(tile):
    """The job that waits to draw a view anew."""
    return next(job for job in jobs.open_jobs() if job.request.reroll == (tile,))


def test_a_running_job_makes_room_for_one_with_the_view_drawn_anew(held):
    bpy.ops.one2345.redo_view(job=held.id, tile=3, seed=7)
    new = redone(3)
    assert (new.request.reroll, new.request.reroll_seed, new.request.seed) == ((3,), 7, 5)
    assert new.request.stop_after is Stage.TEXTURE
    assert new.placement == held.placement
    assert (new.folder / "views.png").read_bytes() == (held.folder / "views.png").read_bytes()
    assert not (new.folder / "occupancy.npz").exists()
    assert [job.title for job in jobs.open_jobs() if job is not held] == ["chair", "lamp"]
    poll_until(lambda: new.state is jobs.JobState.RUNNING)
    assert newest().title == "lamp"


def test_the_job_that_made_room_leaves_nothing_behind(held):
    bpy.ops.one2345.redo_view(job=held.id, tile=3)
    new = redone(3)
    assert [job.title for job in jobs.recent()] == ["lamp", "chair"]  # at once, not when it has ended
    waiting = [text for _, text in drawn(panel.ONE2345_PT_generate) if "Waiting" in str(text)]
    assert waiting == ["chair  Waiting", "lamp  Waiting"]
    poll_until(lambda: new.state is jobs.JobState.RUNNING)
    assert held.id not in jobs.SESSION.jobs
    assert not held.folder.exists()
    assert [job.id for job in history.earlier_jobs(new.folder.parents[1], count=9)] == []


def test_the_new_job_has_its_own_picture_and_mask(held, picture, tmp_path):
    inputs = {"image": held.folder / "input.png", "mask": held.folder / "mask.png"}
    for path in inputs.values():
        path.write_bytes(picture.read_bytes())
    stored = json.loads((held.folder / "request.json").read_text())
    stored |= {name: str(path) for name, path in inputs.items()}
    (held.folder / "request.json").write_text(json.dumps(stored))
    bpy.ops.one2345.redo_view(job=held.id, tile=3)
    new = redone(3)
    poll_until(lambda: new.state is jobs.JobState.RUNNING)
    for path in (new.request.image, new.request.mask):
        assert path is not None
        assert Path(path).parent == new.folder
        assert Path(path).read_bytes() == picture.read_bytes()


def test_a_job_that_was_continued_keeps_what_it_had_made(held):
    held.is_first_run = False
    bpy.ops.one2345.redo_view(job=held.id, tile=3)
    poll_until(lambda: held.state is jobs.JobState.CANCELLED)
    assert held in jobs.recent()
    assert (held.folder / "views.png").is_file()


def test_a_job_that_runs_again_is_no_first_run(held):
    jobs.cancel(held.id)
    poll_until(lambda: not held.is_open)
    assert held.is_first_run
    jobs.run_again(held.id, launch=rework.launch_from(bpy.context))
    assert not held.is_first_run


def test_a_job_that_is_done_before_it_hears_of_that_goes_as_well(held):
    bpy.ops.one2345.redo_view(job=held.id, tile=3)
    jobs._follow(protocol.Done(job=held.id, paths=(), report={}))
    assert held.id not in jobs.SESSION.jobs
    assert not held.wants_import


def test_the_new_job_can_be_redone_at_once(held):
    bpy.ops.one2345.redo_view(job=held.id, tile=3)
    second = redone(3)
    poll_until(lambda: Stage.VIEWS in second.finished)
    bpy.ops.one2345.redo_view(job=second.id, tile=5)
    third = redone(5)
    poll_until(lambda: third.state is jobs.JobState.RUNNING)
    assert [job.title for job in jobs.recent()] == ["lamp", "chair"]
    assert held not in jobs.SESSION.jobs.values()
    assert second not in jobs.SESSION.jobs.values()


def test_a_finished_jobs_object_makes_room_for_the_new_one(result, job_folder):
    before = {path.name: path.read_bytes() for path in job_folder.iterdir()}
    bpy.ops.one2345.redo_view(job=JOB, tile=2, seed=9)
    new = newest()
    assert new.state is jobs.JobState.DONE
    made = bpy.data.objects[new.object_name]
    assert made.matrix_world == result.matrix_world
    assert result.hide_get()
    views = png_pixels(new.folder / "views.png")
    assert not np.array_equal(views_sheet.tile(views, 2), views_sheet.tile(sheet(1), 2))
    assert {path.name: path.read_bytes() for path in job_folder.iterdir()} == before


def test_the_active_object_names_the_job(result):
    bpy.ops.one2345.redo_view(tile=6)
    assert newest().request.reroll == (6,)


def test_another_seed_is_taken_each_time(result):
    for _ in range(2):
        bpy.ops.one2345.redo_view(job=JOB, tile=1)
    one, two = (job.request.reroll_seed for job in jobs.recent()[:2])
    assert one != two


def test_without_views_a_sentence_says_so(result, job_folder):
    (job_folder / "views.png").unlink()
    with pytest.raises(RuntimeError, match=r"has no views\.png"):
        bpy.ops.one2345.redo_view(job=JOB, tile=1)


def test_going_on_from_a_later_stage_rolls_no_view_again(result):
    bpy.ops.one2345.redo_view(job=JOB, tile=2)
    new = newest()
    bpy.ops.one2345.continue_job(job=new.id, start_from="OCCUPANCY")
    assert (new.request.reroll, new.request.start_from) == ((), Stage.OCCUPANCY)


def test_views_shape_and_texture_are_offered_once_there_are_any(enabled):
    bpy.ops.mesh.primitive_cube_add()
    assert not panel_rework.ONE2345_PT_retexture.poll(bpy.context)
    assert not panel_rework.ONE2345_PT_views.poll(bpy.context)
    assert not panel_rework.ONE2345_PT_shape.poll(bpy.context)


def test_views_and_shape_of_the_active_object_are_offered(result, job_folder):
    calls = drawn(panel_rework.ONE2345_PT_views)
    assert calls.count(("operator", "one2345.redo_view")) == 6
    assert ("label", "toy") in calls
    assert ("operator", "one2345.open_views") in calls
    assert ("operator", "one2345.edit_shape") in drawn(panel_rework.ONE2345_PT_shape)
    assert ("operator", "one2345.retexture") in drawn(panel_rework.ONE2345_PT_retexture)
    (job_folder / "occupancy.npz").unlink()
    assert not panel_rework.ONE2345_PT_shape.poll(bpy.context)


def test_a_sheet_that_is_open_takes_the_place_of_the_strip(result):
    bpy.ops.one2345.open_views()
    calls = drawn(panel_rework.ONE2345_PT_views)
    assert ("operator", "one2345.redo_view") not in calls
    assert ("operator", "one2345.reroll_tiles") in calls


def test_an_object_of_the_other_engine_offers_neither(result, job_folder):
    (job_folder / protocol.CAMERAS_FILE).write_text("{}")
    assert not panel_rework.ONE2345_PT_views.poll(bpy.context)
    assert not panel_rework.ONE2345_PT_shape.poll(bpy.context)
