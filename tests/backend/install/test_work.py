"""The installer against an index that fails, on disks that are full, and after each kind of cut."""

import io
import json
import os
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest

from backend.errors import Cancelled, InstallError, NetworkError, One2345Error, StorageError
from backend.install import machine, work
from backend.install import plan as planning
from backend.install.reporter import Reporter
from backend.installation import COMPLETE_FILE, Step, read_state
from backend.storage import sha256_of
from tests.backend.install.conftest import PACKAGES, PAYLOAD_BYTES

SYSCONFIG = "# system configuration generated and used by the sysconfig module\nbuild_time_vars = {}\n"
TOTAL_BYTES = PACKAGES * PAYLOAD_BYTES


def installed_python(world):
    state = read_state(world.root)
    assert state is not None
    assert state.is_whole(world.root)
    return state.python_in(world.root)


def test_an_installation_ends_in_an_environment_that_works(world):
    world.install()
    script = "import part_0, part_9, sys; print(sys.prefix)"
    done = subprocess.run([installed_python(world), "-c", script], capture_output=True, text=True, check=True)
    assert "data ü x" in done.stdout


@pytest.mark.parametrize(("device", "text"), [("cuda", "Computing on Card"), ("cpu", work.NO_CARD)])
def test_a_card_that_the_packages_do_not_reach_is_said(world, monkeypatch, device, text):
    card = machine.Card(name="Card", capability=8.9, driver=590, memory_mib=8192)
    lock = world.extension / "requirements" / "torch-cpu.txt"
    lock.rename(lock.with_name("torch.txt"))
    monkeypatch.setattr(planning, "cards", lambda: [card])
    monkeypatch.setattr(work, "check_imports", lambda python, reporter: device)
    world.install(torch="")
    assert world.done.text == text


def test_every_step_is_told_in_its_order_and_progress_never_falls(world):
    world.install()
    steps = [event for event in world.events if isinstance(event, Step)]
    assert list(dict.fromkeys(step.title for step in steps)) == work.titles(world.options())
    places = [(step.number, step.done) for step in steps]
    assert places == sorted(places)
    assert {step.count for step in steps} == {len(work.titles(world.options()))}


@pytest.mark.parametrize("part", [0.1, 0.4, 0.9])
def test_a_cut_installation_goes_on_where_it_was(world, part):
    world.server.budget = int(TOTAL_BYTES * part)
    with pytest.raises(NetworkError, match="click Install again"):
        world.install()
    assert read_state(world.root) is None
    world.server.heal()
    world.install()
    # The package that was under way, and metadata, come twice; no other does.
    assert world.server.served <= TOTAL_BYTES * (1 - part) + 2.5 * PAYLOAD_BYTES
    installed_python(world)


def test_a_wrong_byte_is_refused_and_that_package_alone_is_fetched_again(world):
    world.server.broken = {"part_3-1.0-py3-none-any.whl"}
    with pytest.raises(InstallError, match="not the file it should be"):
        world.install()
    assert read_state(world.root) is None
    world.server.heal()
    world.install()
    installed_python(world)


def test_a_missing_package_is_found_before_the_first_download(world):
    for path in world.wheels.glob("part_7*"):
        path.unlink()
    with pytest.raises(InstallError, match="not where it should be"):
        world.install()
    assert world.server.served < PAYLOAD_BYTES


def test_a_package_that_vanishes_between_index_and_download_is_one_sentence(world):
    world.server.missing = {"part_7-1.0-py3-none-any.whl"}
    with pytest.raises(One2345Error) as caught:
        world.install()
    assert "\n" not in str(caught.value)
    assert read_state(world.root) is None


def test_a_server_that_stops_talking_is_left(world, monkeypatch):
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "1")
    world.server.pause_s = 5.0
    with pytest.raises(NetworkError):
        world.install()


def test_without_a_server_there_is_one_sentence(world):
    world.server.close()
    with pytest.raises(NetworkError, match="does not answer"):
        world.install()


def test_everything_comes_from_a_kit_without_the_network(world, tmp_path):
    kit = tmp_path / "kit"
    (kit / "wheels").mkdir(parents=True)
    for path in world.wheels.glob("*.whl"):
        path.rename(kit / "wheels" / path.name)
    world.server.close()
    world.install(kit=kit)
    installed_python(world)


def test_a_kit_says_which_build_it_holds(world, tmp_path):
    kit = tmp_path / "kit"
    (kit / "wheels").mkdir(parents=True)
    (kit / "kit.json").write_text('{"platform": "linux-x64", "torch": "torch-cpu"}')
    assert [lock.name for lock in planning.make_plan(world.options(kit=kit, torch="")).locks] == [
        "runtime.txt",
        "torch-cpu.txt",
    ]
    (kit / "kit.json").write_text('{"platform": "windows-x64", "torch": "torch"}')
    with pytest.raises(InstallError, match="is for windows-x64"):
        planning.make_plan(world.options(kit=kit, torch=""))


def test_a_kit_for_another_python_is_built_on_that_alone(world, tmp_path):
    kit = tmp_path / "kit"
    (kit / "wheels").mkdir(parents=True)
    (kit / "kit.json").write_text('{"platform": "linux-x64", "torch": "torch-cpu", "python": "3.99"}')
    with pytest.raises(InstallError, match=r"no Python 3\.99 to build on"):
        world.install(kit=kit, python="", torch="")


def test_a_kits_python_is_taken_over(world, tmp_path):
    """A link to this Python, laid out as uv does, stands for a private one."""
    kit = tmp_path / "kit"
    (kit / "wheels").mkdir(parents=True)
    for path in world.wheels.glob("*.whl"):
        path.rename(kit / "wheels" / path.name)
    name = "cpython-3.11.7-linux-x86_64-gnu"
    (kit / "python" / name / "bin").mkdir(parents=True)
    (kit / "python" / name / "bin" / "python3.11").symlink_to(Path(sys.executable).resolve())
    world.install(kit=kit, python="")
    assert world.done.text == "Computing with the build torch-cpu"
    assert (world.root / "python" / name / "bin" / "python3.11").exists()
    installed_python(world)


@pytest.fixture
def private_python(world, monkeypatch):
    """An archive like those that uv fetches Pythons from, on the file server; its Python is this one."""
    if sys.platform != "linux":
        pytest.skip("the archive holds a shell script in place of a program")
    name = "cpython-3.11.18+20261101-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz"
    script = f'#!/bin/bash\nexec -a "$0" {Path(sys.executable).resolve()} "$@"\n'
    with tarfile.open(world.wheels / name, "w:gz") as archive:
        for path, mode, text in (
            ("bin/python3.11", 0o755, script),
            ("lib/python3.11/_sysconfigdata__linux_x86_64-linux-gnu.py", 0o644, SYSCONFIG),
        ):
            member = tarfile.TarInfo(f"python/{path}")
            member.size, member.mode = len(text), mode
            archive.addfile(member, io.BytesIO(text.encode()))
    facts = {
        **{"name": "cpython", "os": "linux", "libc": "gnu", "major": 3, "minor": 11, "patch": 18},
        **{"arch": {"family": "x86_64", "variant": None}, "prerelease": "", "variant": None},
        "url": f"{world.server.url}/files/{name}",
        "sha256": sha256_of(world.wheels / name),
        "build": "20261101",
    }
    listed = world.wheels / "pythons.json"
    listed.write_text(json.dumps({"cpython-3.11.18-linux-x86_64-gnu": facts}))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", str(listed))
    return name


def private_pythons(world):
    return list((world.root / "python").glob("cpython-3.11.18*/bin/python3.11"))


def test_a_private_python_is_fetched_and_built_on(world, private_python):
    world.install(python="")
    installed_python(world)
    assert len(private_pythons(world)) == 1
    assert world.done.text == "Computing with the build torch-cpu"


def test_a_private_python_with_a_wrong_byte_is_refused_and_blenders_own_built_on(world, private_python):
    world.server.broken = {private_python}
    world.install(python="")
    assert private_pythons(world) == []
    assert "builds on Blender's" in world.done.text
    installed_python(world)


def test_without_a_private_python_blenders_own_is_built_on_and_said(world, private_python):
    world.server.missing = {private_python}
    world.install(python="")
    assert "builds on Blender's" in world.done.text


def test_without_any_fitting_python_there_is_one_sentence(world, private_python, monkeypatch):
    world.server.missing = {private_python}
    monkeypatch.setattr(planning, "SUPPORTED_PYTHONS", ("3.99",))
    with pytest.raises(InstallError, match=r"no Python 3\.99 to build on"):
        world.install(python="")


def test_repair_fetches_a_damaged_private_python_anew(world, private_python):
    world.install(python="")
    private_pythons(world)[0].write_text("#!/bin/false\n")
    world.install(python="", is_repair=True)
    assert "exec" in private_pythons(world)[0].read_text()
    installed_python(world)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of two megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(place)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root on Linux can make a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_fills_is_said_and_a_larger_one_goes_on(world, small_disk, monkeypatch):
    """The check before is passed, then another program takes the room."""
    monkeypatch.setattr(planning, "free_bytes", lambda folder: 1 << 40)
    (small_disk / "other").write_bytes(bytes(1_900_000))
    with pytest.raises(StorageError, match="disk is full"):
        world.install(root=small_disk / "data")
    assert read_state(small_disk / "data") is None
    (small_disk / "other").unlink()
    world.install(root=small_disk / "data")
    assert read_state(small_disk / "data") is not None


def test_a_damaged_kit_is_refused(world, tmp_path):
    kit = tmp_path / "kit"
    (kit / "wheels").mkdir(parents=True)
    for path in world.wheels.glob("*.whl"):
        path.rename(kit / "wheels" / path.name)
    victim = kit / "wheels" / "part_2-1.0-py3-none-any.whl"
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    with pytest.raises(InstallError):
        world.install(kit=kit)


def test_too_little_room_is_said_before_anything_is_fetched(world, monkeypatch):
    monkeypatch.setattr(planning, "free_bytes", lambda folder: 1 << 20)
    with pytest.raises(StorageError, match=r"0\.0 GB free .* are needed"):
        world.install()
    assert world.server.served == 0


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_folder_that_cannot_be_written_is_said(world):
    world.root.mkdir()
    world.root.chmod(0o500)
    with pytest.raises(StorageError):
        world.install()


def test_a_read_only_extension_is_never_written(world):
    before = {path: path.stat().st_mtime_ns for path in world.extension.rglob("*")}
    for path in sorted(world.extension.rglob("*"), reverse=True):
        path.chmod(0o555 if path.is_dir() else 0o444)
    world.install()
    assert {path: path.stat().st_mtime_ns for path in world.extension.rglob("*")} == before


def test_the_environment_in_use_stays_until_the_new_one_works(world, monkeypatch):
    world.install()
    before = installed_python(world)
    lock = world.extension / "requirements" / "runtime.txt"
    lock.write_text(lock.read_text() + "# newer\n")

    def refuse(python, reporter):
        raise InstallError("it does not load")

    monkeypatch.setattr(work, "check_imports", refuse)
    with pytest.raises(InstallError, match="does not load"):
        world.install()
    assert installed_python(world) == before
    monkeypatch.setattr(work, "check_imports", lambda python, reporter: "cpu")
    world.install()
    assert installed_python(world) != before
    assert not before.exists()
    assert len(world.environments()) == 1


def test_repair_fetches_the_damaged_package_alone(world):
    world.install()
    python = installed_python(world)
    victim = next(python.parents[1].glob("lib/python*/site-packages/part_4/data.bin"))
    victim.write_bytes(b"damaged")
    world.server.heal()
    world.install(is_repair=True)
    mended = next(installed_python(world).parents[1].glob("lib/python*/site-packages/part_4/data.bin"))
    assert mended.stat().st_size == PAYLOAD_BYTES
    assert PAYLOAD_BYTES <= world.server.served <= 2.5 * PAYLOAD_BYTES
    assert len(world.environments()) == 1


def test_repair_of_a_whole_environment_fetches_nothing(world):
    world.install()
    world.server.heal()
    world.install(is_repair=True)
    assert world.server.served == 0
    installed_python(world)


def test_an_unfinished_environment_is_made_anew(world):
    world.install()
    marker = installed_python(world).parents[1] / COMPLETE_FILE
    marker.unlink()
    state = read_state(world.root)
    assert state is not None
    assert not state.is_whole(world.root)
    world.install()
    installed_python(world)


def test_a_cancel_stops_a_slow_download_at_once_and_keeps_what_is_there(world):
    world.server.pause_s = 0.05
    options = world.options()
    reporter = Reporter(world.sink, work.titles(options))
    threading.Timer(1.5, reporter.is_stopping.set).start()
    with pytest.raises(Cancelled):
        work.install(options, reporter)
    assert read_state(world.root) is None
    world.server.heal()
    world.install()
    installed_python(world)
