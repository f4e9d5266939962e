"""The offline kit: which wheel of torch it takes, and from where."""

import pytest

from builder import kit, shell
from builder.torch_wheels import read_wheels

ADDRESS = "https://index.invalid/cu126/torch-2.13.0%2Bcu126-cp313-cp313-"
PYLOCK = f"""
[[packages]]
name = "torch"
wheels = [{{ url = "{ADDRESS}manylinux_2_28_x86_64.whl" }}, {{ url = "{ADDRESS}win_amd64.whl" }}]
"""


@pytest.fixture
def asked(monkeypatch):
    """What pip was given to fetch; a pip that is told of no index of torch."""
    wanted = []

    def pip(*arguments):
        wanted.append(arguments[-1].read_text("utf-8"))
        if " @ " not in wanted[-1]:
            raise shell.BuildError("pip failed (No matching distribution found for torch)")

    def ask(arguments, **options):
        arguments[-1].write_text(PYLOCK, "utf-8")
        return ""

    monkeypatch.setattr(kit, "pip", pip)
    monkeypatch.setattr(kit, "ask", ask)
    return wanted


def sha256_of(name):
    known = read_wheels(shell.REQUIREMENTS / "pytorch-wheels.txt")
    return next(wheel.sha256 for wheel in known if wheel.name == name)


def test_torch_comes_from_its_makers_index_where_pip_knows_none(asked):
    kit.fetch_torch("torch==2.13.0+cu126", "windows-x64", "3.13")
    name = "torch-2.13.0+cu126-cp313-cp313-win_amd64.whl"
    assert asked[-1] == f"torch @ {ADDRESS}win_amd64.whl --hash=sha256:{sha256_of(name)}\n"


def test_torch_comes_from_where_pip_looks_if_it_is_there(asked, monkeypatch):
    monkeypatch.setattr(kit, "pip", lambda *arguments: asked.append(arguments[-1].read_text("utf-8")))
    kit.fetch_torch("torch==2.13.0+cpu", "linux-x64", "3.11")
    sha256 = sha256_of("torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl")
    assert asked == [f"torch==2.13.0+cpu --hash=sha256:{sha256}\n"]


def test_an_index_without_the_wheel_is_one_sentence(asked):
    with pytest.raises(shell.BuildError, match="does not hold"):
        kit.fetch_torch("torch==2.13.0+cu126", "windows-x64", "3.11")


def test_a_build_for_another_platform_is_one_sentence(asked):
    with pytest.raises(shell.BuildError, match="for macos-arm64"):
        kit.fetch_torch("torch==2.13.0+cu126", "macos-arm64", "3.11")
    assert asked == []


@pytest.mark.parametrize("platform", ["linux-x64", "windows-x64", "macos-arm64"])
def test_every_platform_has_a_build_for_its_processor(platform):
    assert kit.plain_build(platform) in kit.torch_locks()
