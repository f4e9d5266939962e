"""An installation is looked at without changing it, and each fault is one sentence."""

import hashlib
import json
from pathlib import Path

import pytest

from backend.errors import InstallError
from backend.install import verifying
from backend.install.reporter import Reporter
from backend.installation import STATE_FILE, Damaged, Installed, Step, read_state
from backend.models import catalogue
from backend.storage import sha256_of

GOOD = "Everything is as it should be"


@pytest.fixture
def installed(world, monkeypatch):
    """A finished installation with a set of weights in the extension; its packages are none to be loaded."""
    monkeypatch.setattr(verifying, "check_imports", lambda python, reporter: "cpu")
    seal(world.extension / "backend" / "weights" / "starter")
    world.install()
    return world


def seal(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "shape.safetensors").write_bytes(b"weights")
    digest = sha256_of(folder / "shape.safetensors")
    (folder / "SHA256SUMS").write_text(f"{digest}  shape.safetensors\n")


def verify(world, **changes):
    return verifying.verify(world.options(**changes), Reporter(world.sink, verifying.TITLES))


def problems(world, **changes) -> tuple[str, ...]:
    found = verify(world, **changes)
    assert isinstance(found, Damaged)
    return found.problems


def files_of(*folders: Path) -> dict[Path, tuple[int, str]]:
    return {
        path: (path.stat().st_mtime_ns, sha256_of(path))
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


def payload_of(world, name: str) -> Path:
    state = read_state(world.root)
    assert state is not None
    (found,) = (world.root / "env" / state.environment).glob(f"lib/python*/site-packages/{name}/data.bin")
    return found


def test_what_is_whole_is_said_to_be_and_nothing_is_written(installed):
    before = files_of(installed.root, installed.extension)
    found = verify(installed)
    assert isinstance(found, Installed)
    assert found.text == GOOD
    assert files_of(installed.root, installed.extension) == before


def test_each_damaged_package_is_named_and_repair_mends_them(installed):
    for name in ("part_3", "part_7"):
        payload = payload_of(installed, name)
        data = payload.read_bytes()
        payload.unlink()  # not in place: uv links it to its cache
        payload.write_bytes(data + b"#")
    before = files_of(installed.root)
    assert problems(installed) == (
        "The package part-3 is damaged; click Repair",
        "The package part-7 is damaged; click Repair",
    )
    assert files_of(installed.root) == before
    installed.install(is_repair=True)
    assert isinstance(verify(installed), Installed)


def test_packages_that_do_not_load_are_a_fault(installed, monkeypatch):
    def refuse(python, reporter):
        raise InstallError("The package torch does not load (no reason); click Repair")

    monkeypatch.setattr(verifying, "check_imports", refuse)
    assert problems(installed) == ("The package torch does not load (no reason); click Repair",)


def test_without_an_installation_that_is_the_fault(world):
    assert problems(world) == (f"Nothing is installed in {world.root}; click Install",)


def test_an_environment_that_is_gone_is_a_fault(installed):
    next((installed.root / "env").glob("*/complete.json")).unlink()
    assert problems(installed) == ("The environment is gone or was never finished; click Repair",)


def test_packages_of_another_version_are_a_fault(installed):
    state = json.loads((installed.root / STATE_FILE).read_text())
    state["locks"]["runtime.txt"] = "0" * 64
    (installed.root / STATE_FILE).write_text(json.dumps(state))
    assert problems(installed) == ("The packages are those of another version of One2345; click Update",)


def test_a_wrong_byte_in_bundled_weights_asks_for_the_extension_again(installed):
    (installed.extension / "backend/weights/starter/shape.safetensors").write_bytes(b"weightz")
    assert problems(installed) == (
        "shape.safetensors of starter is missing or damaged; install the extension again",
    )


def test_downloaded_weights_that_are_damaged_are_to_be_downloaded_again(installed):
    folder = installed.root / "models" / "public"
    seal(folder)
    assert isinstance(verify(installed), Installed)
    (folder / "shape.safetensors").unlink()
    assert problems(installed) == ("shape.safetensors of public is missing or damaged; download it again",)


def test_sums_of_files_elsewhere_are_not_followed(installed):
    folder = installed.root / "models" / "public"
    folder.mkdir(parents=True)
    (folder / "SHA256SUMS").write_text(f"{'0' * 64}  ../secret\n{'0' * 64}  /etc/passwd\n")
    assert isinstance(verify(installed), Installed)


@pytest.fixture
def model(monkeypatch):
    """A table of one model, of one file."""
    data = b"a network"
    file = catalogue.ModelFile(
        path="net.onnx", bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), url="https://nowhere"
    )
    made = catalogue.Model(
        name="net", title="Net", purpose="", licence="MIT", is_free=True, source="", files=(file,)
    )
    monkeypatch.setattr(verifying, "read_catalogue", lambda: {"net": made})
    return data


def test_a_model_that_belongs_to_the_installation_is_repairs_concern(installed, model):
    assert problems(installed, models=("net",)) == ("net.onnx of Net is missing or damaged; click Repair",)
    (installed.root / "models").mkdir()
    (installed.root / "models" / "net.onnx").write_bytes(model)
    assert isinstance(verify(installed, models=("net",)), Installed)


def test_another_model_counts_once_it_was_fetched(installed, model):
    assert isinstance(verify(installed), Installed)
    (installed.root / "models").mkdir()
    (installed.root / "models" / "net.onnx").write_bytes(model[:-1] + b"x")
    assert problems(installed) == ("net.onnx of Net is missing or damaged; download it again",)


def test_steps_are_told_with_the_bytes_of_the_models(installed):
    verify(installed)
    installed.sink.flush()
    steps = [event for event in installed.events if isinstance(event, Step)]
    last = steps[-1]
    assert (last.title, last.done, last.total) == (verifying.MODELS, len(b"weights"), len(b"weights"))
