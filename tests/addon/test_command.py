"""`blender --command one2345`, called as Blender calls it."""

import json
from dataclasses import replace

import bpy
import pytest

from tests.addon.extension import command, installer_state, jobs

pytestmark = pytest.mark.blender


@pytest.fixture
def told(enabled, make_python, capfd):
    """Runs a command; gives its exit status, its last line on stdout, and what it says on stderr."""

    def run(*arguments, behaviour="works"):
        enabled.python = str(make_python(behaviour))
        capfd.readouterr()
        status = command.run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return status, (out.splitlines() or [""])[-1], err

    return run


@pytest.fixture
def run(told):
    """Runs a command; gives its exit status and what it says on stderr."""

    def run(*arguments, behaviour="works"):
        status, _, said = told(*arguments, behaviour=behaviour)
        return status, said

    return run


def test_generate_writes_the_mesh_of_the_job(run, picture, tmp_path, subject):
    status, _ = run("generate", picture, "-o", tmp_path / "out.glb", "--preset", "draft", "--seed", "3")
    assert status == 0
    assert (tmp_path / "out.glb").read_bytes() == subject.read_bytes()


INSTALLERS = {
    "finds": 'send(type="damaged", problems=["The package torch is damaged; click Repair", "It is gone"])',
    "works": 'send(type="installed", text="All is well", seconds=1.0)',
    "fails": 'send(type="failed", job=None, code="network", message="The connection broke off")',
}


@pytest.fixture
def install(told, tmp_path, monkeypatch):
    """Runs a command of the installation, with a script in place of the installer."""
    (tmp_path / "kit" / "wheels").mkdir(parents=True)
    monkeypatch.setattr(installer_state, "can_install", lambda: True)
    monkeypatch.setattr(installer_state, "INSTALLATION", installer_state.Installation())
    real = installer_state.start_process

    def run(behaviour, *arguments):
        script = tmp_path / "installer.py"
        script.write_text(
            "import json, sys\n"
            "def send(**values): print(json.dumps(values), flush=True)\n"
            "send(type='step', title=' '.join(sys.argv[1:4]), number=1, count=2)\n" + INSTALLERS[behaviour]
        )

        def stand_in(wanted):
            return real(replace(wanted, arguments=(str(script), *wanted.arguments[2:])))

        monkeypatch.setattr(installer_state, "start_process", stand_in)
        return told(*arguments)

    return run


def test_install_tells_its_steps_and_its_end(install, tmp_path):
    status, out, err = install("works", "install", "--from", tmp_path / "kit", "--json")
    assert (status, json.loads(out)) == (0, {"ok": True, "message": "All is well"})
    assert err == f"install --kit {tmp_path / 'kit'} (1/2)\n"


def test_an_install_that_fails_says_why(install, tmp_path):
    status, _, err = install("fails", "install", "--from", tmp_path / "kit", "--repair")
    assert status == 1
    assert err.splitlines()[-1] == "error: The connection broke off."


def test_install_goes_online_only_when_blender_may(install, tmp_path):
    assert not bpy.app.online_access
    status, _, err = install("works", "install")
    assert status == 1
    assert "online access is off" in err
    assert "holds no packages" in install("works", "install", "--from", tmp_path)[2]


def test_verify_says_that_all_is_well(install):
    status, out, err = install("works", "verify", "--json")
    assert (status, json.loads(out)) == (0, {"ok": True, "message": "All is well"})
    assert err.startswith("verify --root ")


def test_verify_tells_each_fault_in_a_line(install):
    status, out, err = install("finds", "verify", "--json")
    faults = ["The package torch is damaged; click Repair.", "It is gone."]
    assert (status, json.loads(out)) == (1, {"ok": False, "problems": faults})
    assert err.splitlines()[1:] == [f"error: {fault}" for fault in faults]


def test_generate_writes_a_blend_file_with_the_object(run, picture, tmp_path):
    assert run("generate", picture, "-o", tmp_path / "out.blend", "--size", "2")[0] == 0
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    assert max(bpy.data.objects["toy car"].dimensions[:]) == pytest.approx(2.0)


def test_words_in_place_of_a_picture_with_another_engine(run, tmp_path):
    options = ("--prompt", "red chair", "--pick", 3, "--engine", "one2345", "--text-model", "sdxl")
    assert run("generate", "-o", tmp_path / "out.glb", *options)[0] == 0
    (made,) = jobs.recent()
    assert (made.request.engine, made.request.text.prompt) == ("one2345", "red chair")
    drawing = next(job for job in jobs.SESSION.jobs.values() if job.is_drawing)
    assert (drawing.request.text.candidates, drawing.request.text.model) == (3, "sdxl")
    assert (made.folder / "input").read_bytes() == (drawing.folder / "candidate-3.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("generate", "none.png", "-o", "out.glb"), "There is no picture"),
        (("generate", "none.png", "-o", "out.obj"), "name a .glb or .blend file"),
        (("generate", "none.png", "-o", "out.glb", "--preset", "best"), "invalid choice"),
        (("generate", "none.png"), "required"),
        (("generate", "-o", "out.glb"), "name a picture or a prompt"),
        (("generate", "none.png", "--prompt", "chair", "-o", "out.glb"), "name a picture or a prompt"),
        (("generate", "--prompt", "chair", "--pick", "17", "-o", "out.glb"), "0..16"),
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


def test_json_tells_what_was_made(told, picture, tmp_path):
    status, line, _ = told("generate", picture, "-o", tmp_path / "out.glb", "--seed", "3", "--json")
    facts = json.loads(line)
    assert (status, facts["ok"], facts["seed"], facts["state"]) == (0, True, 3, "done")
    assert facts["output"] == str(tmp_path / "out.glb")


def test_json_tells_what_went_wrong(told, picture, tmp_path):
    status, line, _ = told("generate", picture, "-o", tmp_path / "out.glb", "--json", behaviour="fails")
    assert status == 1
    assert json.loads(line) == {"ok": False, "error": "The picture shows no object. Try another."}


def test_a_folder_becomes_meshes_and_a_contact_sheet(told, picture, tmp_path, subject):
    (picture.parent / "ball.png").write_bytes(picture.read_bytes())
    (picture.parent / "notes.txt").touch()
    status, line, _ = told("queue", picture.parent, "-o", tmp_path / "out", "--json")
    assert status == 0
    assert len(json.loads(line)["jobs"]) == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "ball.glb",
        "contact-sheet.png",
        "toy car.glb",
    ]
    assert (tmp_path / "out" / "ball.glb").read_bytes() == subject.read_bytes()


def test_one_failure_of_a_folder_makes_the_status_and_stops_nothing(told, picture, tmp_path):
    (picture.parent / "ball.png").write_bytes(picture.read_bytes())
    status, _, said = told("queue", picture.parent, "-o", tmp_path / "out", behaviour="fails")
    assert status == 1
    assert [line.partition(":")[0] for line in said.splitlines()] == ["ball.png", "toy car.png"]


def test_the_jobs_are_listed(told, picture, tmp_path):
    told("generate", picture, "-o", tmp_path / "out.glb", "--seed", "5")
    status, line, _ = told("queue")
    assert status == 0
    assert line.endswith("done  standard  seed 5")
    (job,) = json.loads(told("queue", "--json")[1])["jobs"]
    assert job["seed"] == 5


def test_the_backends_own_commands_are_handed_on(told, enabled, tmp_path):
    def command_of(name):
        path = tmp_path / "python"
        path.write_text('#!/bin/sh\necho "$@"\nexit 7\n')
        path.chmod(0o755)
        enabled.python = str(path)
        return command.run([name, "--json"])

    assert command_of("doctor") == command_of("models") == 7
