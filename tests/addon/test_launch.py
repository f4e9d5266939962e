"""How the backend is found and started."""

import hashlib
from pathlib import Path

import pytest

from tests.addon.extension import errors, installation, launch


def test_the_chosen_python_wins_over_the_environment(tmp_path):
    chosen, named = tmp_path / "chosen", tmp_path / "named"
    chosen.touch()
    named.touch()
    assert launch.find_python(str(chosen), {"ONE2345_PYTHON": str(named)}) == chosen
    assert launch.find_python("", {"ONE2345_PYTHON": str(named)}) == named


def test_an_extension_without_an_environment_asks_for_a_python(tmp_path, monkeypatch):
    monkeypatch.setattr(launch, "EXTENSION_ROOT", tmp_path)
    with pytest.raises(errors.SetupError, match="Install it in the add-on preferences"):
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


def install_state(root, requirements, lock=b"torch==1"):
    """A finished environment in a data root, made from one requirement file."""
    requirements.mkdir(exist_ok=True)
    (requirements / "runtime.txt").write_bytes(b"torch==1")
    digest = hashlib.sha256(lock).hexdigest()
    state = installation.State(environment="abc", python="bin/python", locks={"runtime.txt": digest})
    python = state.python_in(root)
    python.parent.mkdir(parents=True)
    python.touch()
    for path in (python.parents[1] / installation.COMPLETE_FILE, root / installation.STATE_FILE):
        path.write_bytes(installation.state_data(state))
    return python


@pytest.fixture
def bare_extension(tmp_path, monkeypatch):
    """An extension without a checkout's `.venv`."""
    root = tmp_path / "extension"
    root.mkdir()
    monkeypatch.setattr(launch, "EXTENSION_ROOT", root)
    launch.fits_this_version.cache_clear()
    yield root
    launch.fits_this_version.cache_clear()


def test_the_installed_environment_is_found(bare_extension, tmp_path):
    python = install_state(tmp_path / "data", bare_extension / "requirements")
    assert launch.find_python("", {}, tmp_path / "data") == python


def test_an_environment_of_other_locks_asks_for_an_update(bare_extension, tmp_path):
    install_state(tmp_path / "data", bare_extension / "requirements", lock=b"torch==0")
    with pytest.raises(errors.SetupError, match="Click Update"):
        launch.find_python("", {}, tmp_path / "data")


def test_an_unfinished_environment_asks_for_a_repair(bare_extension, tmp_path):
    python = install_state(tmp_path / "data", bare_extension / "requirements")
    (python.parents[1] / installation.COMPLETE_FILE).unlink()
    with pytest.raises(errors.SetupError, match="Click Repair"):
        launch.find_python("", {}, tmp_path / "data")


def test_only_the_installer_hears_of_proxies(tmp_path):
    parent = {"https_proxy": "http://proxy", "UV_DEFAULT_INDEX": "http://mirror", "PATH": "/bin"}
    assert set(launch.child_environment(parent, tmp_path)).isdisjoint({"https_proxy", "UV_DEFAULT_INDEX"})
    assert parent.items() <= launch.child_environment(parent, tmp_path, has_network=True).items()


def test_the_data_folder_is_the_users_and_not_the_extensions():
    root = launch.default_data_root({})
    assert root.is_relative_to(Path.home())
    assert launch.default_data_root({"ONE2345_DATA": "/data"}) == Path("/data")
