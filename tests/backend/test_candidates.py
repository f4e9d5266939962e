"""From words to pictures to a mesh: the command line, the worker's jobs, and what is kept."""

import gc
import json
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from backend import work
from backend.candidates import draw_candidates, seed_of
from backend.cli import main
from backend.errors import Cancelled
from backend.jobs import Job
from backend.models import text_to_image
from backend.models.cache import NetworkCache
from backend.pipeline import run
from backend.protocol import Progress, ProtocolError, Request, TextRequest
from backend.records import from_data, to_data
from backend.work import Resources
from tests.backend.models.text_pipelines import SIDE_PX, write_stable_diffusion
from tests.backend.quick import quick_presets


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_stable_diffusion(tmp_path_factory.mktemp("text") / "model")


@pytest.fixture
def resources():
    device = torch.device("cpu")
    return Resources(device=device, networks=NetworkCache(device, is_keeping=False), matting_model=None)


@pytest.fixture
def draw(model, resources, tmp_path):
    """Runs a request for pictures; gives the job, the events and the report."""

    def draw(*, count=3, on_event=None, **changes):
        seed = changes.pop("seed", 5)
        values = {
            "prompt": "red chair",
            "model": str(model),
            "candidates": count,
            "steps": 2,
            "guidance": 2.0,
        }
        request = Request(seed=seed, text=TextRequest(**(values | changes)))
        events = []
        job = Job(tmp_path / "job")
        report = run(job, request, resources, on_event=on_event or events.append, name="a")
        return job, events, report

    return draw


def contents(job):
    return {path.name: path.read_bytes() for path in job.candidates().values()}


def test_pictures_come_one_by_one_with_a_sheet_and_a_report(draw):
    job, events, report = draw()
    assert sorted(job.candidates()) == [1, 2, 3]
    assert len(set(contents(job).values())) == 3
    with Image.open(job.folder / "candidates.png") as sheet:
        assert sheet.size == (3 * 264 + 8, 264 + 8)
    told = [event.preview for event in events if isinstance(event, Progress) and event.preview]
    assert told == [str(path) for path in job.candidates().values()]
    fractions = [event.step / event.total for event in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert report["text"]["licence"] == "not stated"
    assert report["text"]["full_prompt"].startswith("a single red chair")
    assert not (job.folder / "stages.json").exists()


def test_a_candidate_is_the_same_whether_few_or_many_are_drawn(draw, model, resources, tmp_path):
    job, _, _ = draw()
    text = TextRequest(prompt="red chair", model=str(model), candidates=3, steps=2, guidance=2.0)
    request = Request(seed=5, text=text)
    alone = Job(tmp_path / "alone")
    draw_candidates(alone, request, text, resources, on_event=lambda event: None, name="a", numbers=[2])
    assert contents(alone) == {"candidate-2.png": contents(job)["candidate-2.png"]}
    assert len({seed_of(request, number) for number in range(1, 17)}) == 16


def test_what_is_there_is_kept_and_more_are_added(draw):
    job, _, _ = draw(count=2)
    times = {path: path.stat().st_mtime_ns for path in job.candidates().values()}
    draw(count=3)
    assert sorted(job.candidates()) == [1, 2, 3]
    assert all(path.stat().st_mtime_ns == before for path, before in times.items())


@pytest.mark.parametrize("change", [{"prompt": "blue chair"}, {"seed": 6}, {"steps": 3}, {"guidance": 5.0}])
def test_other_words_or_settings_draw_all_anew(draw, change):
    before = contents(draw()[0])
    after = contents(draw(count=1, **change)[0])
    assert set(after) == {"candidate-1.png"}
    assert after["candidate-1.png"] != before["candidate-1.png"]


@pytest.fixture
def unets(monkeypatch):
    """Weak references to the networks that were loaded to draw."""
    found = []
    usual = text_to_image._loaded

    def loaded(*given):
        pipeline = usual(*given)
        found.append(weakref.ref(pipeline.unet))
        return pipeline

    monkeypatch.setattr(text_to_image, "_loaded", loaded)
    return found


def test_the_model_is_gone_before_the_stages_begin(draw, unets):
    draw(count=1)
    assert [reference() for reference in unets] == [None]


def test_a_cancel_keeps_finished_pictures_and_lets_go_of_the_model(draw, tmp_path, unets):
    def stop(event):
        if event.step == 3:
            raise Cancelled("a")

    with pytest.raises(Cancelled):
        draw(on_event=stop)
    assert sorted(Job(tmp_path / "job").candidates()) == [1]
    gc.collect()
    assert [reference() for reference in unets] == [None]


@pytest.mark.parametrize(
    "changes", [{"prompt": " "}, {"candidates": 17}, {"candidates": -1}, {"steps": 0}, {"guidance": -1.0}]
)
def test_a_request_that_cannot_be_is_refused(changes):
    with pytest.raises(ProtocolError):
        TextRequest(**({"prompt": "chair"} | changes))


def test_words_travel_as_json():
    request = Request(text=TextRequest(prompt="chair", candidates=2))
    assert from_data(Request, json.loads(json.dumps(to_data(request)))) == request


@pytest.fixture
def call(model, tiny_weights, capfd, tmp_path, monkeypatch):
    """Runs `generate` in an empty folder; gives the exit code, stdout and stderr."""
    monkeypatch.setattr(work, "PRESETS", quick_presets())
    monkeypatch.chdir(tmp_path)
    mask = np.zeros((SIDE_PX, SIDE_PX), dtype=np.uint8)
    mask[8:-8, 8:-8] = 255
    Image.fromarray(mask).save("mask.png")

    def call(*arguments):
        given = ["--weights", tiny_weights, "--mask", "mask.png", "--text-model", model, "--text-steps", 2]
        try:
            code = main([str(word) for word in ("generate", *arguments, *given)])
        except SystemExit as end:
            code = end.code
        return code, *capfd.readouterr()

    return call


def test_the_command_line_draws_then_goes_on_with_the_chosen_one(call):
    words = ("--prompt", "red chair", "-o", "chair.glb", "--candidates", 2)
    code, out, _ = call(*words)
    assert code == 0
    assert (
        out
        == "2 pictures, all on chair-candidates/candidates.png; choose one: the same command with --pick K\n"
    )
    assert not Path("chair.glb").exists()
    before = contents(Job(Path("chair-candidates")))
    code, out, _ = call(*words, "--pick", 2, "--report", "report.json")
    assert code == 0
    assert Path("chair.glb").is_file()
    assert contents(Job(Path("chair-candidates"))) == before
    request = json.loads(Path("report.json").read_text())["request"]
    assert request["image"].endswith("candidate-2.png")
    assert request["text"]["prompt"] == "red chair"


def test_a_job_remembers_its_words(call):
    assert call("--prompt", "red chair", "--job", "job", "--candidates", 2)[0] == 0
    code, _, err = call("--job", "job", "--pick", 2, "--stop-after", "views")
    assert (code, err.count("error")) == (0, 0)
    request = Job(Path("job")).read_request()
    assert request is not None
    assert request.image == str(Path("job/candidate-2.png").resolve())
    assert request.text is not None
    assert (request.text.prompt, request.text.candidates) == ("red chair", 0)
    assert call("--job", "job", "--stop-after", "views")[0] == 0  # goes on with the same picture


def test_one_candidate_needs_no_choice(call):
    code, _, _ = call("--prompt", "red chair", "-o", "views.png", "--stop-after", "views", "--candidates", 1)
    assert code == 0
    assert Path("views.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("picture.png", "--prompt", "chair", "-o", "a.glb"), "not both"),
        (("picture.png", "--pick", "2", "-o", "a.glb"), "go with --prompt"),
        (("--prompt", "chair", "--pick", "17", "-o", "a.glb"), "1..16"),
        (("--prompt", "chair", "--candidates", "0", "-o", "a.glb"), "1..16"),
        (("--prompt", "", "-o", "a.glb"), "letters"),
        (("--prompt", "chair"), "no place for the result"),
    ],
)
def test_a_mistake_in_the_call_is_one_line(call, arguments, words):
    code, _, err = call(*arguments)
    assert code == 2
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert words in line
