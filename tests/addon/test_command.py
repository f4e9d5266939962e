"""`blender --command one2345`, called as Blender calls it."""

import bpy
import pytest

from tests.addon.extension import command

pytestmark = pytest.mark.blender


@pytest.fixture
def run(enabled, make_python, capsys):
    """Runs a command; gives its exit status and what it says on stderr."""

    def run(*arguments, behaviour="works"):
        enabled.python = str(make_python(behaviour))
        status = command.run([str(argument) for argument in arguments])
        return status, capsys.readouterr().err

    return run


def test_generate_writes_the_mesh_of_the_job(run, picture, tmp_path, subject):
    status, _ = run("generate", picture, "-o", tmp_path / "out.glb", "--preset", "draft", "--seed", "3")
    assert status == 0
    assert (tmp_path / "out.glb").read_bytes() == subject.read_bytes()


def test_generate_writes_a_blend_file_with_the_object(run, picture, tmp_path):
    assert run("generate", picture, "-o", tmp_path / "out.blend", "--size", "2")[0] == 0
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    assert max(bpy.data.objects["toy car"].dimensions[:]) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("generate", "none.png", "-o", "out.glb"), "There is no picture"),
        (("generate", "none.png", "-o", "out.obj"), "name a .glb or .blend file"),
        (("generate", "none.png", "-o", "out.glb", "--preset", "best"), "invalid choice"),
        (("generate", "none.png"), "required"),
        ((), "required"),
    ],
)
def test_a_mistake_is_one_line_and_a_status(run, arguments, words):
    status, said = run(*arguments)
    assert status != 0
    assert words in said
    assert len(said.splitlines()) == 1


def test_a_job_that_fails_is_one_line_and_a_status(run, picture, tmp_path):
    status, said = run("generate", picture, "-o", tmp_path / "out.glb", behaviour="fails")
    assert (status, said.strip()) == (1, "error: The picture shows no object. Try another.")
    assert not (tmp_path / "out.glb").exists()
