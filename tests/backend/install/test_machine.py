"""Which build of torch a machine gets."""

import pytest

from backend.errors import InstallError
from backend.install import machine
from backend.install.machine import (
    CUDA_BUILDS,
    PLAIN_BUILDS,
    Card,
    cards,
    choose_build,
    find_nvidia_smi,
    parse_cards,
)
from backend.install.options import EXTENSION_ROOT

LOCKS = {path.stem for path in (EXTENSION_ROOT / "requirements").glob("torch*.txt")}
"""What this version brings."""


def card(capability, driver, name="Card"):
    return Card(name=name, capability=capability, driver=driver, memory_mib=8192)


@pytest.mark.parametrize(
    ("key", "found", "lock"),
    [
        ("linux-x64", card(8.9, 580), "torch"),
        ("linux-x64", card(12.0, 590), "torch"),
        ("linux-x64", card(7.5, 550), "torch-cuda12"),
        ("linux-x64", card(6.1, 580), "torch-cuda12"),
        ("linux-x64", card(3.5, 470), "torch-cpu"),
        ("linux-x64", card(8.6, 470), "torch-cpu"),
        ("linux-x64", card(5.0, 525), "torch-cuda12"),
        ("linux-x64", card(7.0, 590), "torch-cuda12"),
        ("linux-x64", card(8.9, 570), "torch-cuda12"),
        # Hopper and Blackwell have no kernels in the older build: "no kernel image" is no first mesh.
        ("linux-x64", card(9.0, 570), "torch-cpu"),
        ("linux-x64", card(12.0, 570), "torch-cpu"),
        ("windows-x64", card(12.0, 576), "torch"),
        ("windows-x64", card(12.0, 580), "torch-cuda13"),
        ("windows-x64", card(7.5, 577), "torch-cuda12"),
        ("windows-x64", card(5.2, 591), "torch-cuda12"),
        ("windows-x64", card(6.1, 527), "torch"),
        ("windows-x64", card(3.7, 582), "torch"),
        ("windows-x64", card(8.9, 581), "torch-cuda13"),
        ("windows-x64", card(6.1, 560), "torch-cuda12"),
        ("windows-x64", None, "torch"),
        ("linux-x64", None, "torch-cpu"),
        ("macos-arm64", None, "torch"),
    ],
)
def test_the_card_and_its_driver_choose_the_build(key, found, lock):
    assert choose_build(key, [found] if found else [], LOCKS).lock == lock


def test_an_old_driver_is_told_what_is_needed():
    text = choose_build("linux-x64", [card(8.6, 470)], {"torch", "torch-cpu"}).text
    assert "driver 580 or newer" in text
    assert "Repair" in text


def test_a_new_card_with_an_old_driver_is_told_the_driver_that_its_build_needs():
    assert "driver 580 or newer" in choose_build("windows-x64", [card(12.0, 576)], LOCKS).text


def test_every_build_has_its_lock():
    wanted = {build.lock for builds in CUDA_BUILDS.values() for build in builds} | set(PLAIN_BUILDS.values())
    assert wanted == LOCKS


def test_a_build_that_is_not_locked_is_not_chosen():
    choice = choose_build("windows-x64", [card(8.9, 590)], {"torch", "torch-cpu"})
    assert choice.lock == "torch"
    assert "no packages" in choice.text


def test_the_best_of_several_cards_counts():
    found = [card(6.1, 580, "old"), card(8.9, 580, "new")]
    assert "new" in choose_build("linux-x64", found, LOCKS).text


def test_what_nvidia_smi_prints_is_read():
    text = "NVIDIA GeForce RTX 4090, 8.9, 580.65.06, 24564\nTesla, K80, 3.7, 470.57, 11441\n"
    first, second = parse_cards(text)
    assert (first.name, first.capability, first.driver) == ("NVIDIA GeForce RTX 4090", 8.9, 580)
    assert second.name == "Tesla, K80"


@pytest.mark.parametrize("text", ["", "No devices were found\n", "A, [N/A], 580.1, 100\n", ",,,\n", "a,b\n"])
def test_nonsense_of_nvidia_smi_is_no_card(text):
    assert parse_cards(text) == []


def test_a_driver_that_knows_no_capability_is_told_of_as_too_old(monkeypatch):
    answers = {machine._QUERY: "", machine._OLD_QUERY: "GeForce GTX 1060, 470.57, 6144\n"}
    monkeypatch.setattr(machine, "find_nvidia_smi", lambda environment: "nvidia-smi")
    monkeypatch.setattr(machine, "_ask", lambda program, query: answers[query])
    assert [item.driver for item in cards()] == [470]
    assert "driver 528 or newer" in choose_build("windows-x64", cards(), LOCKS).text


def test_nvidia_smi_is_found_where_old_drivers_put_it(tmp_path, monkeypatch):
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    assert find_nvidia_smi({"PROGRAMFILES": str(tmp_path)}) is None
    program = tmp_path / "NVIDIA Corporation" / "NVSMI" / "nvidia-smi.exe"
    program.parent.mkdir(parents=True)
    program.touch()
    assert find_nvidia_smi({"PROGRAMFILES": str(tmp_path)}) == str(program)


def test_every_platform_has_a_plain_build():
    assert set(CUDA_BUILDS) == set(PLAIN_BUILDS)


def test_a_mac_that_is_too_old_for_the_packages_is_told_so(monkeypatch):
    monkeypatch.setattr(machine.sys, "platform", "darwin")
    monkeypatch.setattr(machine.platform, "machine", lambda: "arm64")
    monkeypatch.setattr(machine.platform, "mac_ver", lambda: ("14.1", ("", "", ""), "arm64"))
    assert machine.platform_key() == "macos-arm64"
    monkeypatch.setattr(machine.platform, "mac_ver", lambda: ("13.6.1", ("", "", ""), "arm64"))
    with pytest.raises(InstallError, match=r"needs macOS 14 or newer, and this Mac has 13\.6\.1"):
        machine.platform_key()
