"""Jobs that go on from another one, or do something else with their result than import it."""

import json
import re
import shutil

import bpy
import pytest

from tests.addon.extension import (
    ROOT,
    errors,
    jobs,
    placement,
    protocol,
    rework,
    rows,
    ticking,
    views_editing,
)
from tests.addon.reworking import JOB, assets, job_folder, newest, result

GUIDE = ROOT / "docs" / "rework.md"
SAMPLES = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)

pytestmark = pytest.mark.blender

__all__ = ["assets", "job_folder", "result"]


def submit(launch, deliver=None):
    return jobs.submit_prepared(
        lambda folder: protocol.Request(image=str(folder / "none.png")),
        title="toy",
        launch=launch,
        placement=placement.Placement(),
        treatment=placement.Treatment(),
        deliver=deliver,
    )


def taker(taken):
    """What takes a job's result in two steps."""

    def take(job):
        yield
        taken.append(job)

    return take


def tick_until(is_done):
    for _ in range(20_000):
        if is_done():
            return
        ticking.tick()
    pytest.fail("the timer did not get there")


def test_the_timer_hands_a_result_over_once_in_place_of_an_import(enabled, make_launch):
    taken = []
    job = jobs.status(submit(make_launch("works"), deliver=taker(taken)))
    tick_until(lambda: taken)
    for _ in range(3):
        ticking.tick()
    assert taken == [job]
    assert not bpy.data.objects


def test_a_cancelled_job_hands_nothing_over(enabled, make_launch):
    taken = []
    job = jobs.status(submit(make_launch("waits"), deliver=taker(taken)))
    tick_until(lambda: job.state is jobs.JobState.RUNNING)
    jobs.cancel(job.id)
    tick_until(lambda: not job.is_open)
    ticking.tick()
    assert job.state is jobs.JobState.CANCELLED
    assert not taken


def test_a_result_is_not_handed_over_into_another_file(enabled, make_launch):
    taken = []
    job = jobs.status(submit(make_launch("works"), deliver=taker(taken)))
    bpy.ops.wm.read_homefile(use_empty=True)
    tick_until(lambda: not job.is_open and not job.wants_import)
    assert not taken
    assert "Another file" in job.message


def test_what_goes_wrong_on_the_way_is_told_by_the_job(enabled, make_launch):
    def refuse(job):
        yield
        raise errors.SourceError("The sheet is gone.")

    job = jobs.status(submit(make_launch("works"), deliver=refuse))
    tick_until(lambda: job.message)
    assert job.message == "The sheet is gone."


def test_a_job_that_cannot_be_prepared_leaves_no_folder(enabled, make_launch, tmp_path):
    launch = make_launch("works")

    def fail(folder):
        raise OSError(28, "No space left on device")

    with pytest.raises(errors.SetupError, match="No space left"):
        jobs.submit_prepared(
            fail,
            title="toy",
            launch=launch,
            placement=placement.Placement(),
            treatment=placement.Treatment(),
        )
    assert not list((tmp_path / "data" / "jobs").iterdir())


def test_the_place_of_a_rework_outlives_the_session(result):
    bpy.ops.one2345.open_views()
    bpy.ops.one2345.continue_from_views()
    assert json.loads((newest().folder / "job.json").read_text())["aligned_to"] == "toy"


def test_artifacts_go_on_as_given_and_the_origin_stays(result, job_folder):
    before = {path.name: path.read_bytes() for path in job_folder.iterdir()}
    bpy.ops.one2345.open_views()
    bpy.ops.one2345.continue_from_views()
    assert not (newest().folder / "stages.json").exists()
    assert {path.name: path.read_bytes() for path in job_folder.iterdir()} == before


def test_the_active_object_names_the_job(result, job_folder):
    other = job_folder.with_name("20260102-120000-other")
    shutil.copytree(job_folder, other)
    assert rework.chosen_job(bpy.context, "") == JOB
    result["one2345_job"] = other.name
    assert rework.chosen_job(bpy.context, "") == other.name
    assert rework.chosen_job(bpy.context, JOB) == JOB


def test_without_any_object_a_sentence_says_what_to_do(enabled):
    with pytest.raises(errors.JobError, match="Select one, or generate one first"):
        rework.chosen_job(bpy.context, "")


def test_a_missing_artifact_is_named(result, job_folder):
    (job_folder / "occupancy.npz").unlink()
    with pytest.raises(RuntimeError, match=r"has no occupancy\.npz"):
        bpy.ops.one2345.edit_shape()


def test_panels_offer_what_can_be_done(enabled, result):
    assert not bpy.ops.one2345.continue_from_views.poll()
    assert not bpy.ops.one2345.continue_from_shape.poll()
    assert bpy.ops.one2345.refresh_texture.poll()
    bpy.ops.one2345.open_views()
    bpy.ops.one2345.edit_shape()
    assert bpy.ops.one2345.continue_from_views.poll()
    assert bpy.ops.one2345.continue_from_shape.poll()
    assert not bpy.ops.one2345.refresh_texture.poll()
    assert views_editing.has_sheet(bpy.context)


def test_a_step_on_the_way_is_no_result(result, job_folder):
    """A re-rolled sheet is listed nowhere once it is there, and cannot be imported by mistake."""
    bpy.ops.one2345.open_views()
    bpy.ops.one2345.continue_from_views()
    made = newest()
    bpy.ops.one2345.reroll_tiles(tiles=[True] + [False] * 5)
    assert newest() != made
    rows.sync()
    assert rows.active_id() == made.id
    bpy.ops.one2345.import_result()
    assert made.object_name == bpy.context.selected_objects[0].name


@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_the_samples_of_the_guide_run(result, picture, number):
    objects = len(bpy.data.objects)
    exec(SAMPLES[number].replace("/path/to/front.png", str(picture)), {})
    assert newest().state is jobs.JobState.DONE
    assert len(bpy.data.objects) >= objects
