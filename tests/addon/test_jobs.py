"""Jobs as a script sees them, and what the window's timer does with them."""

import bpy
import pytest

from tests.addon.extension import errors, folders, jobs, protocol, results, steps, ticking
from tests.addon.extension import job as job_module

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("enabled")]

Stage, State = protocol.Stage, jobs.JobState
DEFAULT_SHARES = job_module.DEFAULT_SHARES


@pytest.fixture
def submit(make_launch, picture):
    """Submits a job to a backend of the wanted behaviour."""

    def submit(behaviour, title="toy", **settings):
        return jobs.submit(
            lambda folder: picture, jobs.Settings(**settings), title=title, launch=make_launch(behaviour)
        )

    return submit


def tick_until(is_done):
    for _ in range(20_000):
        if is_done():
            return
        ticking.tick()
    pytest.fail("the timer did not get there")


def test_a_script_submits_waits_and_imports(submit):
    job = jobs.wait(submit("works", seed=3), timeout_s=20)
    assert job.state is State.DONE
    assert list(job.finished) == list(Stage)
    assert job.fraction == 1.0
    obj = results.import_result(job.id)
    assert obj["one2345_seed"] == 3
    assert job.object_name == obj.name


def test_progress_never_falls(submit):
    job = jobs.status(submit("works"))
    fractions = [job.fraction]
    while job.is_open:
        jobs.poll()
        fractions.append(job.fraction)
    assert fractions == sorted(fractions)
    assert fractions[0] == 0.0
    assert fractions[-1] == 1.0


def test_two_jobs_of_one_second_have_folders_of_their_own(submit):
    first, second = submit("works"), submit("works")
    assert first != second
    assert jobs.status(first).folder != jobs.status(second).folder


def test_a_cancelled_job_has_no_result_and_the_next_one_works(submit):
    first = submit("waits")
    while jobs.status(first).state is not State.RUNNING:
        jobs.poll()
    jobs.cancel(first)
    assert jobs.wait(first, timeout_s=20).state is State.CANCELLED
    with pytest.raises(errors.JobError, match="cancelled"):
        results.result(first)
    second = submit("waits")
    jobs.cancel(second)
    assert jobs.wait(second, timeout_s=20).state is State.CANCELLED


def test_a_wait_can_end_before_its_job(submit):
    job = submit("waits")
    with pytest.raises(errors.JobError, match="has not ended"):
        jobs.wait(job, timeout_s=0)
    assert jobs.status(job).is_open


def test_stopping_the_backend_cancels_what_is_open(submit):
    job = submit("waits")
    jobs.stop_backend()
    assert jobs.status(job).state is State.CANCELLED
    assert jobs.status(job).message == ""


def test_settings_out_of_range_leave_no_folder(submit, tmp_path):
    with pytest.raises(errors.JobError, match="faces must be"):
        submit("works", faces=5)
    assert not list((tmp_path / "data" / "jobs").iterdir())


def test_an_unknown_job_is_an_error():
    with pytest.raises(errors.JobError, match="no job"):
        jobs.status("nothing")


def test_a_data_folder_that_cannot_be_made_is_named(make_python, picture, tmp_path):
    from tests.addon.extension import launch

    (tmp_path / "file").touch()
    broken = launch.Launch(python=make_python("works"), data_root=tmp_path / "file" / "data")
    with pytest.raises(errors.SetupError, match="Cannot write to the data folder"):
        jobs.submit(lambda folder: picture, jobs.Settings(), title="a", launch=broken)


def test_the_timer_imports_a_finished_job_and_then_sleeps(submit):
    job = jobs.status(submit("works"))
    assert ticking.tick() == ticking.BUSY_S
    tick_until(lambda: job.object_name)
    assert bpy.context.object.name == job.object_name
    assert ticking.tick() == ticking.IDLE_S
    jobs.stop_backend()
    assert ticking.tick() is None


def test_an_import_waits_for_the_end_of_a_render(submit, monkeypatch):
    job = jobs.status(submit("works"))
    with monkeypatch.context() as patch:
        patch.setattr(ticking, "has_render", lambda: True)
        tick_until(lambda: not job.is_open)
        assert ticking.tick() == ticking.BUSY_S
        assert not bpy.data.objects
    tick_until(lambda: job.object_name)


def test_a_result_is_not_imported_into_another_file(submit):
    job = jobs.status(submit("works"))
    bpy.ops.wm.read_homefile(use_empty=True)
    tick_until(lambda: not job.wants_import)
    assert not bpy.data.objects
    assert "Another file" in job.message
    bpy.ops.one2345.import_result(job=job.id)
    assert bpy.context.object.name == "toy"


def test_an_import_under_way_ends_with_its_file(submit, monkeypatch):
    monkeypatch.setattr(steps, "BUDGET_S", -1.0)  # a step a tick
    job = jobs.wait(submit("works"))
    while not bpy.data.materials:
        ticking.tick()
    bpy.ops.wm.read_homefile(use_empty=True)
    for _ in range(50):
        ticking.tick()
    assert "Another file was opened" in job.message
    for kind in (bpy.data.objects, bpy.data.meshes, bpy.data.materials, bpy.data.images):
        assert not kind


def test_a_damaged_result_is_told_instead_of_imported(submit):
    job = jobs.wait(submit("works"))
    results.result(job.id).write_bytes(b"glTF")
    ticking.tick()
    assert "not a mesh made by One2345" in job.message
    assert not bpy.data.objects


def test_a_job_ends_once():
    """An end leads only to another run."""
    ends = set(State) - {State.QUEUED, State.RUNNING}
    assert all(jobs.MOVES[state] == {State.QUEUED} for state in ends)
    assert set(jobs.MOVES) == set(State)


def test_the_shares_of_all_stages_make_a_whole():
    assert sum(DEFAULT_SHARES.values()) == pytest.approx(1.0)
    assert set(DEFAULT_SHARES) == set(Stage)


def test_no_two_jobs_share_a_name_even_of_different_kinds(tmp_path):
    made = [folders.make_folder(tmp_path, "toy", kind=kind) for kind in ("", folders.PREVIEWS) * 3]
    assert len({folder.name for folder in made}) == len(made)
    assert all(folder.is_dir() for folder in made)
