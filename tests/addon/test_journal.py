"""What a session leaves for the next one: jobs cut short, and times of this machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import bpy
import pytest

from tests.addon.extension import history, jobs, journal, placement, protocol, ticking, timings
from tests.addon.extension import job as job_module

pytestmark = pytest.mark.blender

Stage, JobState, Preset = protocol.Stage, job_module.JobState, protocol.Preset


@pytest.fixture
def submit(enabled, make_launch, picture):
    """Submits a job to a backend of the wanted behaviour."""

    def submit(behaviour, **settings):
        return jobs.submit(
            lambda folder: picture, jobs.Settings(**settings), title="toy", launch=make_launch(behaviour)
        )

    return submit


@pytest.fixture
def dead_pid():
    """Number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def entry_of(job):
    return json.loads((job.folder / journal.FILE).read_text())


def pretend_crash(job, pid, state="running"):
    """Leave the folder as a Blender that was killed in the middle of the job leaves it."""
    data = entry_of(job) | {"pid": pid, "state": state}
    (job.folder / journal.FILE).write_text(json.dumps(data))


def test_a_job_that_waits_or_runs_is_kept_with_all_that_its_result_needs(submit):
    place = placement.Placement(collection="Toys", location=(1.0, 2.0, 3.0), size=2.0)
    treatment = placement.Treatment(pack=False, is_asset=True, tags=("a", "b"))
    job = jobs.status(submit("waits", placement=place, treatment=treatment, seed=9))
    entry = journal.read(job.folder)
    assert (entry.state, entry.pid, entry.title) == (JobState.QUEUED, os.getpid(), "toy")
    assert (entry.placement, entry.treatment) == (place, treatment)
    request = json.loads((job.folder / "request.json").read_text())
    assert request["seed"] == 9


def test_a_job_cut_short_is_offered_again_and_goes_on_in_its_folder(submit, session, tmp_path, dead_pid):
    job = jobs.status(submit("dies"))
    jobs.wait(job.id)
    pretend_crash(job, dead_pid)
    session.jobs.clear()
    ticking.recall()
    (found,) = jobs.recent()
    assert found.state is JobState.INTERRUPTED
    assert Stage.VIEWS in found.finished
    assert found.message == history.INTERRUPTED
    jobs.run_again(found.id, launch=session.launch)
    assert jobs.status(found.id).state is JobState.QUEUED
    assert jobs.status(found.id).folder == job.folder


def test_a_job_of_another_blender_that_runs_is_left_alone(submit, tmp_path):
    job = jobs.status(submit("waits"))
    pretend_crash(job, os.getppid())
    assert history.earlier_jobs(tmp_path / "data", count=5) == []


def test_a_result_that_was_never_imported_is_offered(submit, session, tmp_path, dead_pid):
    job = jobs.wait(submit("works"))
    pretend_crash(job, dead_pid)
    (found,) = history.earlier_jobs(tmp_path / "data", count=5)
    assert (found.state, found.message) == (JobState.DONE, history.NOT_IMPORTED)
    session.jobs.clear()
    jobs.remember([found])
    assert jobs.last_ended() is found
    bpy.ops.one2345.import_result()
    assert bpy.context.object.name == "toy"
    assert found.message == ""


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"title": 3}', '{"title": "a", "state": "dancing", "pid": 1}']
)
def test_a_damaged_journal_is_no_error(tmp_path, text):
    (tmp_path / journal.FILE).write_text(text)
    assert journal.read(tmp_path) is None


def test_a_process_that_ended_is_not_alive(dead_pid):
    assert journal.is_alive(os.getpid())
    assert not journal.is_alive(dead_pid)


def test_times_of_a_finished_job_make_the_next_ones_estimate(submit, tmp_path):
    first = jobs.wait(submit("works", preset=Preset.DRAFT))
    assert not first.is_measured
    known = timings.expected(tmp_path / "data", device="Fake device", kind=timings.Kind(preset=Preset.DRAFT))
    assert known == dict.fromkeys(Stage, 0.25)
    assert (
        timings.expected(tmp_path / "data", device="Fake device", kind=timings.Kind(preset=Preset.HIGH)) == {}
    )
    jobs.stop_backend()
    second = jobs.status(submit("waits", preset=Preset.DRAFT))
    assert second.seconds_left() is None
    while second.stage is None:
        jobs.poll()
    assert second.is_measured
    left = second.seconds_left()
    assert left is not None
    assert left <= 1.5


def test_the_usual_time_is_the_median_of_the_last_runs(tmp_path):
    for seconds in (100.0, 1.0, 2.0, 3.0, 4.0, 5.0):
        timings.record(
            tmp_path,
            device="a",
            kind=timings.Kind(preset=Preset.DRAFT),
            seconds=dict.fromkeys(Stage, seconds),
        )
    assert timings.usual_seconds(tmp_path, device="a") == {Preset.DRAFT: 3.0 * len(Stage)}
    assert timings.usual_seconds(tmp_path, device="b") == {}


def test_stages_taken_over_from_before_teach_nothing(tmp_path):
    timings.record(tmp_path, device="a", kind=timings.Kind(preset=Preset.DRAFT), seconds={Stage.VIEWS: 0.0})
    assert not (tmp_path / timings.FILE).exists()


def test_the_device_used_last_is_remembered(tmp_path):
    assert timings.last_device(tmp_path) == ""
    for device in ("a", "b", "a"):
        timings.record(
            tmp_path, device=device, kind=timings.Kind(preset=Preset.DRAFT), seconds={Stage.MESH: 1.0}
        )
    assert timings.last_device(tmp_path) == "a"


def test_a_damaged_file_of_times_is_no_error(tmp_path):
    (tmp_path / timings.FILE).write_text('{"a": {"draft": {"mesh": "x", "views": [1, "y"]}}, "b": 3}')
    assert timings.expected(tmp_path, device="a", kind=timings.Kind(preset=Preset.DRAFT)) == {}


def test_an_estimate_counts_down_and_lands_on_zero():
    request = protocol.Request(image="a.png")
    job = jobs.Job(id="a", title="a", folder=Path("a"), request=request)
    job.expected, job.is_measured = dict.fromkeys(Stage, 10.0), True
    left = []
    for stage in Stage:
        for step in range(5):
            job.advance(protocol.Progress(job="a", stage=stage, step=step, total=4))
            left.append(job.seconds_left())
        job.advance(protocol.StageDone(job="a", stage=stage, paths=(), seconds=10.0))
    assert left[0] == pytest.approx(60.0, abs=0.1)
    assert left == sorted(left, reverse=True)
    assert left[-1] == pytest.approx(0.0, abs=0.1)
