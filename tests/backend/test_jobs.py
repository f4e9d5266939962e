"""What a job's folder remembers, and what survives a bad moment."""

import errno
import os
from pathlib import Path

import pytest

from backend.errors import ArtifactError, StorageError
from backend.jobs import Job
from backend.protocol import STAGE_FILES, Request, Stage

SOURCE = {"seed": 1, "inputs": {}}


def put(job: Job, stage: Stage = Stage.VIEWS, text: str = "made", source=SOURCE) -> None:
    def write(paths):
        for path in paths:
            path.write_text(text)

    job.replace(stage, source, write)


def test_made_files_fit_what_they_were_made_from(tmp_path):
    put(Job(tmp_path))
    job = Job(tmp_path)
    assert job.fits(Stage.VIEWS, SOURCE)
    assert not job.fits(Stage.VIEWS, SOURCE | {"seed": 2})
    assert not job.is_given(Stage.VIEWS)


def test_edited_file_is_given(tmp_path):
    job = Job(tmp_path)
    put(job)
    job.path(Stage.VIEWS).write_text("edited")
    assert job.is_given(Stage.VIEWS)
    assert not job.fits(Stage.VIEWS, SOURCE)


def test_undoing_an_edit_makes_the_file_fit_again(tmp_path):
    job = Job(tmp_path)
    put(job)
    job.path(Stage.VIEWS).write_text("edited")
    job.path(Stage.VIEWS).write_text("made")
    assert job.fits(Stage.VIEWS, SOURCE)


def test_file_that_was_brought_is_given(tmp_path):
    (tmp_path / "views.png").write_text("brought")
    assert Job(tmp_path).is_given(Stage.VIEWS)


def test_half_a_stage_is_not_whole(tmp_path):
    job = Job(tmp_path)
    put(job, Stage.TEXTURE)
    job.paths(Stage.TEXTURE)[1].unlink()
    assert not job.is_whole(Stage.TEXTURE)
    assert not job.is_given(Stage.TEXTURE)


def test_forgotten_stage_fits_nothing_and_is_not_given(tmp_path):
    job = Job(tmp_path)
    put(job)
    job.path(Stage.VIEWS).write_text("edited")
    job.forget([Stage.VIEWS])
    assert not job.is_given(Stage.VIEWS)
    assert not job.fits(Stage.VIEWS, SOURCE)
    assert job.path(Stage.VIEWS).read_text() == "edited"


def test_failing_write_leaves_the_older_file(tmp_path):
    job = Job(tmp_path)
    put(job)

    def fail(paths):
        paths[0].write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        job.replace(Stage.VIEWS, SOURCE, fail)
    assert job.fits(Stage.VIEWS, SOURCE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stages.json", "views.png"]


@pytest.mark.parametrize("moment", range(8))
def test_killed_replacement_never_looks_like_an_edit(tmp_path, moment, monkeypatch):
    """The process ends at the n-th change of the folder; what is there must be whole and known."""
    job = Job(tmp_path)
    put(job, Stage.TEXTURE, "old")
    count = 0

    class Killed(BaseException):
        pass

    def counted(function):
        def call(*args, **kwargs):
            nonlocal count
            count += 1
            if count > moment:
                raise Killed
            return function(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for name in ("unlink", "rename", "replace"):
            patch.setattr(os, name, counted(getattr(os, name)))
        with pytest.raises(Killed):
            put(job, Stage.TEXTURE, "new", SOURCE | {"seed": 2})
    after = Job(tmp_path)
    assert not after.is_given(Stage.TEXTURE)
    texts = {path.read_text() for path in after.paths(Stage.TEXTURE) if path.exists()}
    assert texts <= {"old", "new"}


def test_unfinished_files_are_removed_at_the_next_start(tmp_path):
    (tmp_path / ".part-views.png").write_text("half")
    Job(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_missing_artifact_is_named(tmp_path):
    with pytest.raises(ArtifactError, match=r"no views\.png"):
        Job(tmp_path).path(Stage.VIEWS)


def test_request_comes_back(tmp_path):
    job = Job(tmp_path)
    assert job.read_request() is None
    job.write_request(Request(image="/a.png", seed=7, stop_after=Stage.MESH))
    assert job.read_request() == Request(image="/a.png", seed=7, stop_after=Stage.MESH)


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"views": {}}', '{"window": {"files": {}, "made_from": null}}']
)
def test_damaged_record_is_said_in_one_sentence(tmp_path, text):
    (tmp_path / "stages.json").write_text(text)
    with pytest.raises(ArtifactError, match="damaged"):
        Job(tmp_path)


def test_no_room_for_the_record_leaves_the_older_file(tmp_path, monkeypatch):
    job = Job(tmp_path)
    put(job)

    def full(self, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="disk is full"):
        put(job, text="new", source=SOURCE | {"seed": 2})
    monkeypatch.undo()
    assert Job(tmp_path).fits(Stage.VIEWS, SOURCE)


def test_a_request_ends_in_its_levels_of_detail_only_when_it_reaches_the_texture(tmp_path):
    job = Job(tmp_path)
    textured = [path.name for path in job.results(Request(lods=(500, 100)))]
    assert textured[0] == STAGE_FILES[Stage.TEXTURE][0]
    assert textured[-2:] == ["lod1.glb", "lod2.glb"]
    meshed = job.results(Request(lods=(500, 100), stop_after=Stage.MESH))
    assert [path.name for path in meshed] == list(STAGE_FILES[Stage.MESH])
