"""Results of earlier sessions."""

import json

import bpy
import pytest

from tests.addon.extension import history, jobs, launch, panel_history, ticking

pytestmark = pytest.mark.blender


@pytest.fixture
def data_root(tmp_path, subject):
    """A data folder with three finished jobs, one without a mesh, and one that is damaged."""

    def add(name, *, request='{"seed": 5}', mesh=True):
        folder = tmp_path / "data" / "jobs" / name
        folder.mkdir(parents=True)
        (folder / "request.json").write_text(request)
        (folder / "report.json").write_text(
            json.dumps({"weights": {"name": "starter", "licence": "Apache-2.0"}})
        )
        if mesh:
            (folder / "textured.glb").write_bytes(subject.read_bytes())

    for number in range(3):
        add(f"20260101-12000{number}-toy-{number}")
    add("20260101-120003-unfinished", mesh=False)
    add("20260101-120004-damaged", request="{")
    return tmp_path / "data"


def test_the_newest_finished_jobs_are_found(data_root):
    found = history.earlier_jobs(data_root, count=2)
    assert [job.title for job in found] == ["toy-1", "toy-2"]
    assert found[0].request.seed == 5


def test_no_folder_is_no_error(tmp_path):
    assert history.earlier_jobs(tmp_path / "none", count=2) == []


def test_an_earlier_result_can_be_imported(data_root, enabled):
    ticking.recall()
    assert bpy.data.objects.keys() == []
    assert panel_history.ONE2345_PT_results.poll(bpy.context)
    bpy.ops.one2345.import_result(job="20260101-120001-toy-1")
    obj = bpy.data.objects["toy-1"]
    assert (obj["one2345_seed"], obj["one2345_weights"]) == (5, "starter")


def test_earlier_results_come_before_this_sessions(data_root, enabled, make_python, picture):
    job = jobs.submit(
        lambda folder: picture,
        jobs.Settings(),
        title="new",
        launch=launch.Launch(python=make_python("works"), data_root=data_root),
    )
    ticking.recall()
    assert [entry.title for entry in jobs.recent()] == ["new", "toy-2", "toy-1", "toy-0"]
    assert jobs.wait(job).state is jobs.JobState.DONE
