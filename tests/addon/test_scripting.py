"""The functions for scripts, and every sample of docs/scripting.md."""

import os
import re
import sys

import bpy
import pytest

from tests.addon.extension import PACKAGE, ROOT, errors, scripting

pytestmark = pytest.mark.blender

GUIDE = ROOT / "docs" / "scripting.md"
SAMPLES = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)


@pytest.fixture
def ready(enabled, make_python):
    """The add-on with a backend that works."""
    enabled.python = str(make_python("works"))
    return enabled


def test_a_script_goes_from_picture_to_object(ready, picture):
    job = scripting.submit(picture, seed=3, preset="draft", location=(1, 2, 3), size=0.5, collection="Toys")
    done = scripting.wait(job, timeout_s=20)
    assert (done.state, done.fraction, done.message) == ("done", 1.0, "")
    assert scripting.result(job) == done.folder / "textured.glb"
    assert not bpy.data.objects
    obj = scripting.import_result(job)
    assert obj.location[:] == (1, 2, 3)
    assert max(obj.dimensions[:]) == pytest.approx(0.5)
    assert obj.users_collection[0].name == "Toys"


def test_what_is_given_at_import_comes_before_what_was_submitted(ready, picture):
    job = scripting.submit(picture, location=(1, 2, 3))
    scripting.wait(job)
    obj = scripting.import_result(job, location=(4, 5, 6), size=2.0)
    assert obj.location[:] == (4, 5, 6)
    assert max(obj.dimensions[:]) == pytest.approx(2.0)


def test_an_image_of_the_file_and_a_mask_are_handed_over(ready):
    image, mask = bpy.data.images.new("toy", 8, 8), bpy.data.images.new("mask", 8, 8)
    job = scripting.submit(image, mask=mask)
    folder = scripting.wait(job).folder
    assert (folder / "input.png").is_file()
    assert (folder / "mask.png").is_file()
    assert f'"mask": "{folder / "mask.png"}"' in (folder / "request.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"image": "nothing.png"}, "There is no picture"),
        ({"image": "toy", "preset": "best"}, "There is no quality 'best'"),
        ({"image": "toy", "mask": "nothing"}, "There is no image 'nothing'"),
        ({"image": "toy", "size": 0.0}, "size must be above zero"),
        ({"image": "toy", "faces": 3}, "faces must be"),
    ],
)
def test_a_wrong_value_is_told_in_a_sentence(ready, arguments, words):
    bpy.data.images.new("toy", 8, 8)
    with pytest.raises(errors.AddonError, match=words):
        scripting.submit(**arguments)


def test_a_job_can_be_followed_and_cancelled(enabled, make_python, picture):
    enabled.python = str(make_python("waits"))
    job = scripting.submit(picture)
    while scripting.status(job).stage != "views":
        pass
    scripting.cancel(job)
    assert scripting.wait(job, timeout_s=20).state == "cancelled"
    with pytest.raises(errors.JobError, match="is cancelled"):
        scripting.result(job)


@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_every_sample_of_the_guide_runs(ready, picture, number, tmp_path, monkeypatch):
    """As written, but for the name of the package and the places of files."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "chair.png").write_bytes(picture.read_bytes())
    monkeypatch.chdir(tmp_path)
    write_blender(tmp_path / "bin" / "blender", ready)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    sample = SAMPLES[number].replace("bl_ext.user_default.one2345", PACKAGE)
    sample = sample.replace("/path/to", str(tmp_path)).replace(
        str(tmp_path / "chair.png"), str(folder / "chair.png")
    )
    exec(compile(sample, f"sample {number}", "exec"), {})
    assert bpy.data.objects or list(tmp_path.glob("*.png")) or len(list(tmp_path.glob("*.glb"))) == 2


def write_blender(path, preferences):
    """A program that does what `blender --command one2345` does, in a process of its own."""
    program = (
        "import os, sys, bpy\n"
        "from tests.addon.extension import PACKAGE, addon, command\n"
        "entry = bpy.context.preferences.addons.new()\n"
        "entry.module = PACKAGE\n"
        "addon.register()\n"
        f"entry.preferences.data_root = {preferences.data_root!r}\n"
        f"entry.preferences.python = {preferences.python!r}\n"
        "status = command.run(sys.argv[3:])\n"
        "addon.unregister()\n"
        "sys.stdout.flush()\n"
        "os._exit(status)\n"
    )
    path.parent.mkdir()
    path.with_suffix(".py").write_text(program)
    path.write_text(f"#!/bin/sh\nPYTHONPATH='{ROOT}' exec '{sys.executable}' '{path}.py' \"$@\"\n")
    path.chmod(0o755)


def test_the_guide_has_samples():
    assert len(SAMPLES) >= 5
