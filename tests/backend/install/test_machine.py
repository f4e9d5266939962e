"""Which build of torch a machine gets."""

import pytest

from backend.install.machine import CUDA_BUILDS, PLAIN_BUILDS, Card, choose_build, parse_cards

LOCKS = {"torch", "torch-cpu", "torch-cuda12", "torch-cuda13"}


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


def test_every_platform_has_a_plain_build():
    assert set(CUDA_BUILDS) == set(PLAIN_BUILDS)
