"""Acceptance tests 5, 7 and 12 of the product, as far as they need no window and no graphics card."""

import os
import signal
import time

import bpy
import pytest

from tests.addon.extension import jobs, protocol, ticking

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("enabled")]

MODES = ("EDIT", "SCULPT", "VERTEX_PAINT", "WEIGHT_PAINT", "TEXTURE_PAINT")
HITCH_S = 0.1


def tick_until(is_done):
    longest = 0.0
    for _ in range(40_000):
        if is_done():
            return longest
        begin = time.thread_time()  # on a busy machine the clock on the wall goes on without us
        ticking.tick()
        longest = max(longest, time.thread_time() - begin)
    pytest.fail("the timer did not get there")


@pytest.fixture
def submit(make_launch, picture):
    """Submits a job to a backend of the wanted behaviour."""

    def submit(behaviour, title="toy", **settings):
        return jobs.submit(
            lambda folder: picture, jobs.Settings(**settings), title=title, launch=make_launch(behaviour)
        )

    return submit


# 5: orbits, grabs, sculpts, plays animation during a job.


@pytest.mark.parametrize("mode", MODES)
def test_an_import_changes_neither_mode_nor_selection_nor_what_was_done_in_it(submit, mode):
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.mesh.primitive_uv_sphere_add()
    other, cube = bpy.data.objects["Sphere"], bpy.data.objects["Cube"]
    bpy.context.view_layer.objects.active = cube
    other.select_set(True)
    cube.select_set(True)
    bpy.ops.object.mode_set(mode=mode)
    if mode == "EDIT":
        bpy.ops.mesh.select_all(action="SELECT")
        bpy.ops.mesh.subdivide()
        bpy.ops.mesh.select_all(action="DESELECT")
    job = jobs.status(submit("works"))
    longest = tick_until(lambda: job.object_name)
    assert bpy.context.object == cube
    assert cube.mode == mode
    assert sorted(item.name for item in bpy.context.selected_objects) == ["Cube", "Sphere"]
    assert not bpy.data.objects[job.object_name].select_get()
    bpy.ops.object.mode_set(mode="OBJECT")
    assert len(cube.data.vertices) == (26 if mode == "EDIT" else 8)
    assert longest < HITCH_S


def test_an_animation_that_plays_goes_on_over_an_import(submit):
    job = jobs.status(submit("works"))
    frame = 0
    while frame < 200 and not job.object_name:
        frame += 1
        bpy.context.scene.frame_set(frame)
        ticking.tick()
    tick_until(lambda: job.object_name)
    assert bpy.context.scene.frame_current == frame


# 7: cancels in each stage.


@pytest.mark.parametrize("stage", list(protocol.Stage))
def test_a_cancel_in_any_stage_leaves_nothing_half_and_the_next_job_works(submit, session, stage):
    # The backend holds in the middle of the stage, so that the cancel meets it there.
    job = jobs.status(submit(f"works --hold {stage.value}"))
    while job.stage is not stage or job.step < 1:
        ticking.tick()
    asked = time.monotonic()
    jobs.cancel(job.id)
    tick_until(lambda: not job.is_open)
    assert job.state is jobs.JobState.CANCELLED
    assert time.monotonic() - asked < 2.0
    for kind in (bpy.data.objects, bpy.data.meshes, bpy.data.materials):
        assert not kind
    again = jobs.status(submit("works"))
    tick_until(lambda: again.object_name)
    assert [item.name for item in bpy.data.objects] == ["toy"]


# 12: queues 20 images, reorders, removes, closes the lid, comes back.


def test_twenty_in_a_queue_of_which_some_fail_are_moved_and_removed(session, submit):
    made = [submit("fails_on_odd_seeds", f"toy {number:02}", seed=number) for number in range(20)]
    jobs.move(made[19], -99)  # to the front of those that wait
    jobs.move(made[1], 99)
    jobs.cancel(made[4])
    ends = []

    def is_over():
        ticking.tick()
        ends.extend(job_id for job_id in made if not jobs.status(job_id).is_open and job_id not in ends)
        if len(ends) == 6 and session.client.pid:
            sleep_a_while(session.client.pid)
        return len(ends) == len(made) and len(bpy.data.objects) == 9

    tick_until(is_over)
    wanted = ["cancelled" if number == 4 else "failed" if number % 2 else "done" for number in range(20)]
    assert [jobs.status(job_id).state for job_id in made] == wanted
    order = [made[4], made[0], made[19], *made[2:4], *made[5:19], made[1]]
    # A result is brought in while the next job runs, so that a failure may overtake it.
    for state in ("cancelled", "failed", "done"):
        assert [job for job in ends if jobs.status(job).state == state] == [
            job for job in order if jobs.status(job).state == state
        ]
    names = [f"toy {number:02}" for number in range(0, 20, 2) if number != 4]
    assert sorted(item.name for item in bpy.data.objects) == names
    jobs.remove(made[4])
    come_back(session)
    found = {job.title: (job.state, job.request.seed) for job in jobs.recent()}
    assert found == {f"toy {number:02}": (wanted[number], number) for number in range(20) if number != 4}
    assert len(bpy.context.window_manager.one2345_jobs) == 19


def sleep_a_while(pid):
    """What a closed lid does to the backend."""
    os.kill(pid, signal.SIGSTOP)
    time.sleep(0.3)
    os.kill(pid, signal.SIGCONT)


def come_back(session):
    """Another session of Blender with the same data folder."""
    jobs.stop_backend()
    session.jobs.clear()
    ticking.recall()
    ticking.redraw()


def test_the_estimate_is_within_a_quarter_from_the_third_job_on(submit):
    for _ in range(2):
        jobs.wait(submit("works --pace 0.05"))
    job = jobs.status(submit("works --pace 0.05"))
    while job.seconds_left() is None:
        jobs.poll()
    begin, estimate = time.monotonic(), job.seconds_left()
    jobs.wait(job.id)
    assert estimate == pytest.approx(time.monotonic() - begin, rel=0.25)
