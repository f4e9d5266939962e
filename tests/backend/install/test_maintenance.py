"""Uninstalling and moving."""

import pytest

from backend.errors import ConfigError
from backend.install.maintenance import MOVING, REMOVING, move, uninstall
from backend.install.reporter import Reporter

TREE = (
    "env/a/bin/python",
    "python/x/bin",
    "bin/uv",
    "cache/uv/x",
    "models/u2net.onnx",
    "jobs/1/mesh.glb",
    "state.json",
)


@pytest.fixture
def root(tmp_path):
    for name in TREE:
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "data"


@pytest.fixture
def reporter(tmp_path):
    with (tmp_path / "events").open("wb") as sink:
        yield Reporter(sink, [REMOVING, MOVING])


def left(root):
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_uninstalling_the_environment_keeps_models_and_jobs(root, reporter):
    uninstall(root, ["environment"], reporter)
    assert left(root) == {"cache/uv/x", "models/u2net.onnx", "jobs/1/mesh.glb"}


def test_jobs_stay_whatever_is_uninstalled(root, reporter):
    uninstall(root, ["environment", "cache", "models"], reporter)
    assert left(root) == {"jobs/1/mesh.glb"}


def test_uninstalling_twice_is_well(root, reporter):
    uninstall(root, ["environment"], reporter)
    uninstall(root, ["environment"], reporter)


def test_moving_takes_everything_but_the_environment(root, reporter, tmp_path):
    target = tmp_path / "other disk Ž"
    move(root, target, reporter)
    assert left(target) == {"cache/uv/x", "models/u2net.onnx", "jobs/1/mesh.glb"}
    assert left(root) == set()


@pytest.mark.parametrize("place", ["data", "data/inside", "."])
def test_a_place_inside_or_around_is_refused(root, reporter, tmp_path, place):
    with pytest.raises(ConfigError):
        move(root, tmp_path / place, reporter)
    assert left(root) == set(TREE)


def test_a_folder_with_something_in_it_is_refused(root, reporter, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(ConfigError, match="not empty"):
        move(root, tmp_path / "full", reporter)
    assert left(root) == set(TREE)
