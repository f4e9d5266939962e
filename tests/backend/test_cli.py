"""The command line: exit codes, one sentence an error, nothing lost."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.arguments import EXIT_CODES
from backend.cli import main
from backend.errors import One2345Error
from backend.geometry.glb import write_glb
from backend.geometry.glb_reader import read_glb, read_textured_glb
from backend.geometry.meshes import make_mesh
from backend.jobs import Job
from backend.protocol import Progress, Stage, Submit, decode_event
from backend.service import Service

ROOT = Path(__file__).resolve().parents[2]


pytestmark = pytest.mark.usefixtures("quick_jobs")


@pytest.fixture
def call(capfd, tiny_weights):
    """Runs a command with the tiny weights; returns the exit code, stdout and stderr."""

    def run_command(*arguments: object, weights: Path = tiny_weights) -> tuple[int, str, str]:
        command = [str(argument) for argument in arguments]
        if command[0] in ("generate", "views", "reconstruct", "texture"):
            command += ["--weights", str(weights)]
        try:
            code = main(command)
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        out, err = capfd.readouterr()
        return code, out, err

    return run_command


def error_of(err: str) -> str:
    """The one line that tells what went wrong."""
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    return line


def test_every_error_has_an_exit_code():
    waiting, codes = [One2345Error], set()
    while waiting:
        kind = waiting.pop()
        codes.add(kind.code)
        waiting += kind.__subclasses__()
    assert codes <= set(EXIT_CODES)


def test_picture_becomes_a_mesh_and_the_job_folder_goes(call, cutout, tmp_path):
    code, out, _ = call("generate", cutout, "-o", tmp_path / "a.glb", "--report", tmp_path / "r.json")
    assert code == 0
    assert "a.glb" in out
    assert "watertight" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.glb", "r.json"]
    assert json.loads((tmp_path / "r.json").read_text())["mesh"]["faces"] <= 200


def test_one_command_equals_two(call, cutout, tmp_path):
    """Views, looked at, then reconstructed, as the whole job would."""
    call("generate", cutout, "-o", tmp_path / "a.glb", "--seed", 5)
    call("views", cutout, "-o", tmp_path / "views.png", "--seed", 5)
    code, _, _ = call("reconstruct", tmp_path / "views.png", "-o", tmp_path / "b.glb", "--seed", 5)
    assert code == 0
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()


def test_own_mesh_is_textured(call, cutout, tmp_path):
    call("generate", cutout, "--job", tmp_path / "job")
    mesh, views = tmp_path / "job" / "mesh.glb", tmp_path / "job" / "views.png"
    code, _, _ = call("texture", mesh, views, "-o", tmp_path / "b.glb")
    assert code == 0
    found, own = read_textured_glb(tmp_path / "b.glb"), read_glb(mesh)
    assert np.array_equal(found.vertices[found.faces], own.vertices[own.faces])
    assert found.texture.shape == (64, 64, 3)


def test_job_remembers_what_was_asked_for(call, cutout, tmp_path):
    call("views", cutout, "--job", tmp_path / "job", "--seed", 9)
    code, _, err = call("generate", "--job", tmp_path / "job")
    assert code == 0
    assert "views      kept" in err
    assert json.loads((tmp_path / "job" / "request.json").read_text())["seed"] == 9


def test_json_output_is_events_alone(call, cutout, tmp_path):
    code, out, _ = call("views", cutout, "-o", tmp_path / "v.png", "--json")
    events = [decode_event(line.encode()) for line in out.splitlines()]
    assert code == 0
    assert isinstance(events[0], Progress)
    assert events[-1].TYPE == "done"


def bad_pictures(folder: Path) -> dict[str, Path]:
    (folder / "text.png").write_text("no picture")
    Image.new("RGB", (64, 64)).save(folder / "whole.png")
    (folder / "cut.png").write_bytes((folder / "whole.png").read_bytes()[:60])
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    Image.new("RGB", (20_000, 20)).save(folder / "strip.png")
    Image.new("RGBA", (64, 64)).save(folder / "clear.png")
    names = ("text", "cut", "dot", "strip", "clear", "whole", "none")
    return {name: folder / f"{name}.png" for name in names}


@pytest.mark.parametrize("name", ["text", "cut", "dot", "strip", "clear", "whole", "none"])
def test_bad_picture_ends_in_one_sentence(call, tmp_path, name):
    """`whole` is black all over: nothing is found."""
    (tmp_path / "out").mkdir()
    code, _, err = call("generate", bad_pictures(tmp_path)[name], "-o", tmp_path / "out" / "a.glb")
    assert code == 3
    assert len(error_of(err)) < 250
    assert list((tmp_path / "out").iterdir()) == []


def test_unwritable_output_is_found_before_the_work(call, cutout, tmp_path, monkeypatch):
    monkeypatch.setattr("backend.commands.run_pipeline", None)
    code, _, err = call("generate", cutout, "-o", tmp_path / "none" / "a.glb")
    assert code == 8
    assert "no folder" in error_of(err)


def test_output_of_another_kind_is_refused(call, cutout, tmp_path):
    code, _, err = call("generate", cutout, "-o", tmp_path / "a.obj")
    assert code == 2
    assert ".glb" in error_of(err)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["generate", "a.png", "-o", "a.glb", "--preset", "ultra"], "draft, standard, high"),
        (["generate", "a.png", "-o", "a.glb", "--from", "window"], "matte, views"),
        (["generate", "a.png"], "-o"),
        (["generate", "a.png", "-o", "a.glb", "--seed", "-1"], "seed"),
        (["generate", "a.png", "-o", "a.glb", "--faces", "3"], "faces"),
        (["paint"], "choose from"),
    ],
)
def test_wrong_arguments_end_in_one_sentence(call, arguments, word):
    code, _, err = call(*arguments)
    assert code == 2
    assert word in error_of(err)


def test_missing_weights_end_in_one_sentence(call, cutout, tmp_path):
    code, _, err = call("generate", cutout, "-o", tmp_path / "a.glb", weights=tmp_path / "none")
    assert code == 4
    assert "weights" in error_of(err)


def test_failure_late_in_a_job_keeps_what_was_made(call, cutout, tmp_path, tiny_weights):
    weights = Path(shutil.copytree(tiny_weights, tmp_path / "weights"))
    (weights / "shape.safetensors").unlink()
    (tmp_path / "out").mkdir()
    code, _, err = call("generate", cutout, "-o", tmp_path / "out" / "a.glb", weights=weights)
    assert code == 4
    (folder,) = (tmp_path / "out").iterdir()
    assert f"--job {folder}" in err
    assert call("generate", "--job", folder, "-o", tmp_path / "out" / "a.glb")[0] == 0


def test_sealed_weights_are_well_until_a_byte_changes(call, tmp_path, tiny_weights):
    weights = Path(shutil.copytree(tiny_weights, tmp_path / "weights"))
    assert call("models", "seal", weights)[0] == 0
    assert call("models", "verify", weights)[0] == 0
    path = weights / "vae.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    code, _, err = call("models", "verify", weights)
    assert code == 9
    assert "vae.safetensors" in error_of(err)


def test_sets_of_weights_are_listed_for_programs(call):
    _, out, _ = call("models", "list", "--json")
    assert "starter" in [row["name"] for row in json.loads(out)]


def test_doctor_names_what_is_missing(call, tmp_path, monkeypatch):
    monkeypatch.setenv("ONE2345_DATA", str(tmp_path))
    code, out, _ = call("doctor", "--json", "--weights", str(tmp_path))
    report = json.loads(out)
    assert code == 9
    assert not report["is_well"]
    assert {check["name"] for check in report["checks"]} == {
        "versions",
        "device",
        "weights",
        "matting",
        "disk",
    }


def test_unexpected_fault_is_one_line_after_the_traceback(call, cutout, tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise ZeroDivisionError

    monkeypatch.setattr("backend.commands.run_pipeline", fail)
    code, _, err = call("generate", cutout, "-o", tmp_path / "a.glb")
    assert code == 1
    assert "unexpected" in error_of(err)


def quick_process(*arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.backend.quick", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "report.json"}


def test_killed_job_leaves_only_whole_artifacts_and_goes_on(call, cutout, tmp_path, tiny_weights):
    """The process is killed in the middle of the shape stage."""
    folder, arguments = tmp_path / "job", ["generate", cutout, "--job", tmp_path / "job"]
    process = quick_process(*arguments, "--weights", tiny_weights, "--json")
    assert process.stdout is not None
    with contextlib.closing(process.stdout) as lines:
        for line in lines:
            event = decode_event(line.rstrip(b"\n"))
            if isinstance(event, Progress) and event.stage is Stage.SHAPE:
                process.send_signal(signal.SIGKILL)
                break
    process.wait()
    job = Job(folder)
    whole = {stage for stage in Stage if job.is_whole(stage)}
    assert whole >= {Stage.MATTE, Stage.VIEWS, Stage.OCCUPANCY}
    assert not any(job.is_given(stage) for stage in Stage)
    assert call(*arguments)[0] == 0
    call("generate", cutout, "--job", tmp_path / "other")
    assert contents(folder) == contents(tmp_path / "other")


def test_ctrl_c_ends_with_130(call, cutout, tmp_path, monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("backend.commands.run_pipeline", stop)
    assert call("generate", cutout, "-o", tmp_path / "a.glb")[0] == 130


def test_help_is_quick_and_complete():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "backend", "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert "torch" not in done.stderr
    assert all(name in done.stdout for name in ("generate", "views", "reconstruct", "texture", "evaluate"))


def extras_of(path: Path) -> dict:
    data = path.read_bytes()
    length = int.from_bytes(data[12:16], "little")
    return json.loads(data[20 : 20 + length])["nodes"][0]["extras"]


@pytest.fixture(scope="module")
def finished(tiny_weights, cutout, tmp_path_factory) -> Path:
    """A job run to its end."""
    folder = tmp_path_factory.mktemp("finished") / "job"
    assert main(["generate", str(cutout), "--job", str(folder), "--weights", str(tiny_weights)]) == 0
    return folder


def test_a_mesh_file_tells_how_it_was_made(finished, tiny_weights):
    extras = extras_of(finished / "textured.glb")
    assert extras["generated"] is True
    assert extras["seed"] == 0
    assert set(extras["seeds"]) == {"views", "occupancy", "shape", "texture"}
    assert extras["settings"]["texture_px"] == 64
    assert extras["weights_licence"] == "not stated"
    report = json.loads((finished / "report.json").read_text())
    assert extras["weights_sha256"] == report["weights"]["sha256"]


def test_a_sculpted_mesh_gets_the_jobs_colours_and_the_job_stays(call, finished, tmp_path):
    before = {path.name: path.read_bytes() for path in finished.iterdir()}
    edited = tmp_path / "edited.glb"
    edited.write_bytes((finished / "mesh.glb").read_bytes())
    code, out, _ = call("texture", "--job", finished, edited, "-o", tmp_path / "out.glb")
    assert code == 0
    assert "out.glb" in out
    assert extras_of(tmp_path / "out.glb")["edited"] is True
    after = {path.name: path.read_bytes() for path in finished.iterdir()}
    assert after.pop("retextured.glb") == (tmp_path / "out.glb").read_bytes()
    assert after == before


def test_the_worker_bakes_a_sculpted_mesh_as_asked(finished, tmp_path):
    """What the add-on sends: the job's own request with the edited mesh in it."""
    job, events = Job(finished), []
    request = job.read_request()
    assert request is not None
    asked = replace(request, edited=str(finished / "mesh.glb"), texture_px=128)
    submit = Submit(job="again", folder=str(finished), request=asked)
    paths, report = Service(tmp_path).run(submit, events.append)
    assert paths == (str(finished / "retextured.glb"),)
    assert {event.stage for event in events} == {Stage.TEXTURE}
    assert events[-1].paths == paths
    assert read_textured_glb(Path(paths[0])).texture.shape == (128, 128, 3)
    assert isinstance(report["mesh"], dict)
    assert job.read_request() == request


def test_kept_coordinates_of_a_sculpted_mesh_stay(call, finished, tmp_path):
    source = finished / "textured.glb"
    code, *_ = call("texture", "--job", finished, source, "--keep-uvs", "-o", tmp_path / "out.glb")
    assert code == 0
    found, own = (read_textured_glb(path) for path in (tmp_path / "out.glb", source))
    corners = [mesh.uv[mesh.faces] for mesh in (found, own)]
    assert np.allclose(corners[0], corners[1], atol=1e-6)


def test_a_sculpted_mesh_without_a_finished_job_ends_in_one_sentence(call, cutout, finished, tmp_path):
    call("views", cutout, "--job", tmp_path / "begun")
    mesh = finished / "mesh.glb"
    assert "finished texture" in error_of(call("texture", mesh, "--job", tmp_path / "begun")[2])
    assert "sheet of views" in error_of(call("texture", mesh, "-o", tmp_path / "a.glb")[2])


def test_meshes_of_other_formats_are_textured(call, finished, tmp_path):
    mesh = read_glb(finished / "mesh.glb")
    rows = [f"v {x} {z} {-y}" for x, y, z in mesh.vertices] + [f"f {a} {b} {c}" for a, b, c in mesh.faces + 1]
    (tmp_path / "a.obj").write_text("\n".join(rows))
    code, *_ = call("texture", tmp_path / "a.obj", finished / "views.png", "-o", tmp_path / "b.glb")
    assert code == 0
    found = read_glb(tmp_path / "b.glb")
    assert np.allclose(found.vertices[found.faces], mesh.vertices[mesh.faces], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [("a.glb", b"", "a.glb"), ("a.blend", b"BLENDER", "use one of .glb"), ("none.glb", None, "none.glb")],
)
def test_a_mesh_that_cannot_be_used_ends_in_one_sentence(call, finished, tmp_path, name, data, words):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    (tmp_path / "out").mkdir()
    views = finished / "views.png"
    code, _, err = call("texture", tmp_path / name, views, "-o", tmp_path / "out" / "b.glb")
    assert code == 3
    assert words in error_of(err)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_mesh_without_area_ends_in_one_sentence(call, finished, tmp_path):
    line = make_mesh(np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]]), np.array([[0, 1, 2]]))
    write_glb(line, tmp_path / "line.glb", extras={})
    code, _, err = call("texture", tmp_path / "line.glb", finished / "views.png", "-o", tmp_path / "b.glb")
    assert code == 3
    assert "without area" in error_of(err)


def test_coordinates_to_keep_that_are_not_there_end_in_one_sentence(call, finished, tmp_path):
    mesh, views = finished / "mesh.glb", finished / "views.png"
    code, _, err = call("texture", mesh, views, "--keep-uvs", "-o", tmp_path / "b.glb")
    assert code == 3
    assert "no texture coordinates to keep" in error_of(err)
