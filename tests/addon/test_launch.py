"""How the backend is found and started."""

from pathlib import Path

import pytest

from tests.addon.extension import errors, launch


def test_the_chosen_python_wins_over_the_environment(tmp_path):
    chosen, named = tmp_path / "chosen", tmp_path / "named"
    chosen.touch()
    named.touch()
    assert launch.find_python(str(chosen), {"ONE2345_PYTHON": str(named)}) == chosen
    assert launch.find_python("", {"ONE2345_PYTHON": str(named)}) == named


def test_an_extension_without_an_environment_asks_for_a_python(tmp_path, monkeypatch):
    monkeypatch.setattr(launch, "EXTENSION_ROOT", tmp_path)
    with pytest.raises(errors.SetupError, match="Choose one in the add-on preferences"):
        launch.find_python("", {})


def test_a_checkout_brings_its_own_python(tmp_path, monkeypatch):
    monkeypatch.setattr(launch, "EXTENSION_ROOT", tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert launch.find_python("", {}) == python


def test_the_child_gets_nothing_that_misleads_its_python(tmp_path):
    parent = {
        "PATH": "/bin",
        "PYTHONHOME": "/blender",
        "LD_LIBRARY_PATH": "/x",
        "CONDA_PREFIX": "/y",
        "Path": "/z",
    }
    child = launch.child_environment(parent, tmp_path)
    assert child["PATH"] == "/bin"
    assert child["PYTHONPATH"] == str(launch.EXTENSION_ROOT)
    assert not {"PYTHONHOME", "LD_LIBRARY_PATH", "CONDA_PREFIX"} & set(child)
    assert all(str(tmp_path) in child[name] for name in ("HF_HOME", "TORCH_HOME", "XDG_CACHE_HOME"))


def test_old_logs_go(tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    for number in range(20):
        (logs / f"backend-2000{number:02d}.log").touch()
    launch._new_log(tmp_path)
    assert len(list(logs.iterdir())) == launch.KEPT_LOGS


def test_the_end_of_a_log_is_read_whatever_its_bytes(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"x" * 100_000 + b"\n\xff\xfe broken\n\nlast\n")
    assert launch.log_tail(path)[-1] == "last"
    assert launch.log_tail(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("returncode", "tail", "words"),
    [
        (1, ["ModuleNotFoundError: No module named 'torch'"], "incomplete"),
        (1, ["torch.OutOfMemoryError: CUDA out of memory"], "out of memory"),
        (-9, [], "want of memory"),
        (-11, ["last"], "signal 11"),
        (2, ["usage"], "exit code 2"),
    ],
)
def test_each_death_has_its_sentence(returncode, tail, words):
    assert words in launch.explain_death(returncode, tail)


def test_the_data_folder_is_the_users_and_not_the_extensions():
    root = launch.default_data_root({})
    assert root.is_relative_to(Path.home())
    assert launch.default_data_root({"ONE2345_DATA": "/data"}) == Path("/data")
