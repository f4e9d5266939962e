"""The picture in a whole job: switched off it leaves no trace, and what it does is on record."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from backend.protocol import Request, Stage
from tests.backend.quick import run_job

pytestmark = pytest.mark.usefixtures("quick_jobs")


def texture_entry(report: dict) -> dict:
    return report["stages"]["texture"]


def textured(folder: Path) -> bytes:
    return (folder / "textured.glb").read_bytes()


@pytest.fixture(scope="module")
def request_(cutout, tiny_weights) -> Request:
    return Request(image=str(cutout), weights=str(tiny_weights), seed=3, use_photo=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, request_) -> Path:
    """A job without the photo; not to be changed."""
    folder = tmp_path_factory.mktemp("jobs") / "finished"
    run_job(folder, request_)
    return folder


@pytest.fixture
def folder(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "job"))


def test_switched_off_the_texture_is_that_of_a_job_without_a_picture(finished, folder, request_):
    (folder / "matte.png").unlink()
    (folder / "textured.glb").unlink()
    entry = texture_entry(
        run_job(folder, replace(request_, image=None, use_photo=True, start_from=Stage.TEXTURE))
    )
    assert entry["photo"] == {"used": False}
    assert textured(folder) == textured(finished)


def test_switching_it_on_makes_the_texture_anew_and_reports_it(folder, request_):
    """Random views show nothing that the photo could be laid on."""
    entry = texture_entry(run_job(folder, replace(request_, use_photo=True)))
    assert entry["origin"] == "made"
    assert entry["photo"] == {"used": False}
    again = texture_entry(run_job(folder, replace(request_, use_photo=True)))
    assert again == entry | {"origin": "reused"}
