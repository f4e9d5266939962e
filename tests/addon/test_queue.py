"""Several jobs at once: order, moving, removing, and what a dead backend takes with it."""

import bpy
import pytest

from tests.addon.extension import errors, jobs, ticking

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("enabled")]


@pytest.fixture
def submit(make_launch, picture):
    """Submits a job to a backend of the wanted behaviour."""
    return lambda behaviour, title="toy": jobs.submit(
        lambda folder: picture, jobs.Settings(), title=title, launch=make_launch(behaviour)
    )


def titles():
    return [job.title for job in jobs.open_jobs()]


def test_waiting_jobs_run_in_their_order(submit):
    made = [submit("works", title) for title in "abc"]
    ends = []
    while jobs.open_jobs():
        ends += [job.title for job in jobs.poll() if not job.is_open and job.title not in ends]
    assert ends == ["a", "b", "c"]
    assert [(job.state, job.message) for job in map(jobs.status, made)] == [(jobs.JobState.DONE, "")] * 3


def test_a_waiting_job_can_be_moved_but_not_before_the_running_one(submit):
    *_, last = (submit("waits", title) for title in "abcd")
    jobs.move(last, -1)
    assert titles() == ["a", "b", "d", "c"]
    jobs.move(last, -9)
    assert titles() == ["a", "d", "b", "c"]
    jobs.move(last, 9)
    assert titles() == ["a", "b", "c", "d"]


def test_a_waiting_job_is_cancelled_at_once(submit):
    submit("waits", "a")
    second = submit("waits", "b")
    jobs.cancel(second)
    assert jobs.status(second).state is jobs.JobState.CANCELLED
    assert titles() == ["a"]


def test_a_backend_that_dies_takes_only_the_running_job_with_it(submit):
    first, second = submit("dies", "a"), submit("dies", "b")
    jobs.wait(first, timeout_s=20)
    assert "broken on purpose" in jobs.status(first).message
    assert jobs.status(second).state is jobs.JobState.QUEUED
    assert "broken on purpose" in jobs.wait(second, timeout_s=20).message


def test_a_removed_job_leaves_no_folder(submit):
    job = jobs.wait(submit("works"))
    assert job.folder.is_dir()
    bpy.ops.one2345.remove_job(job=job.id)
    assert not job.folder.exists()
    assert jobs.recent() == []


def test_a_running_job_is_not_removed(submit):
    job = jobs.status(submit("waits"))
    with pytest.raises(errors.JobError, match="cancel it first"):
        jobs.remove(job.id)
    assert job.folder.is_dir()


def test_a_folder_that_is_not_ours_is_never_deleted(submit, tmp_path):
    job = jobs.wait(submit("works"))
    job.folder = tmp_path / "precious"
    job.folder.mkdir()
    jobs.remove(job.id)
    assert job.folder.is_dir()


def test_results_come_in_one_by_one(submit):
    """So that several that are done at once do not make one long hitch."""
    for title in "ab":
        jobs.wait(submit("works", title))
    counts = [0]
    while counts[-1] < 2:
        ticking.tick()
        counts.append(len(bpy.data.objects))
    assert counts == sorted(counts)
    assert 1 in counts
    assert [item.name for item in bpy.data.objects] == ["a", "b"]


def test_the_rows_of_the_list_follow_the_jobs(submit):
    from tests.addon.extension import rows

    first = submit("works", "a")
    ticking.redraw()
    jobs.wait(first)
    second = submit("works", "b")
    ticking.redraw()
    assert [row.job for row in bpy.context.window_manager.one2345_jobs] == [second, first]
    assert rows.active_job().id == second
    bpy.context.window_manager.one2345_active_job = 1
    jobs.wait(second)
    ticking.redraw()
    assert rows.active_job().id == first


def test_settings_of_a_job_go_back_into_the_panel(submit, picture):
    job = jobs.wait(submit("works"))
    panel = bpy.context.scene.one2345
    panel.seed, panel.lock_seed, panel.preset = 5, False, "HIGH"
    bpy.ops.one2345.reuse_settings(job=job.id)
    assert (panel.seed, panel.lock_seed, panel.preset) == (0, True, "STANDARD")
    assert bpy.path.abspath(panel.image.filepath) == str(picture)


def test_an_unlocked_seed_is_another_one_after_each_start(enabled, make_python, picture):
    enabled.python = str(make_python("works"))
    panel = bpy.context.scene.one2345
    panel.image = bpy.data.images.load(str(picture))
    panel.seed = 123_456_789
    bpy.ops.one2345.generate()
    assert panel.seed == 123_456_789
    panel.lock_seed = False
    bpy.ops.one2345.generate()
    assert panel.seed != 123_456_789
    assert jobs.recent()[0].request.seed == 123_456_789


def test_a_job_goes_on_from_the_stage_that_is_named(submit):
    job = jobs.wait(submit("works"))
    assert len(job.possible_starts) == 6
    bpy.ops.one2345.continue_job(job=job.id, start_from="SHAPE")
    again = jobs.status(job.id)
    assert again.request.start_from == "shape"
    assert again.object_name
