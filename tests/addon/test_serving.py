"""`blender --command one2345 serve`: requests as lines of JSON in, answers and what happens out."""

import contextlib
import io
import json
import os

import pytest

from tests.addon.extension import command, jobs, serving

pytestmark = pytest.mark.blender


@pytest.fixture
def served(enabled, make_python, tmp_path):
    """Serves lines to their end; gives the exit status and what was told."""

    def run(*requests, behaviour="works", end=b"\n"):
        enabled.python = str(make_python(behaviour))
        data = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in requests)
        (tmp_path / "requests").write_bytes(data + end)
        with (tmp_path / "requests").open("rb") as source, (tmp_path / "told").open("wb") as sink:
            status = serving.serve(source, sink)
        return status, [json.loads(line) for line in (tmp_path / "told").read_bytes().splitlines()]

    return run


def submit(picture, **options):
    return {"type": "submit", "image": str(picture), **options}


def of_kind(told, kind):
    return [line for line in told if line["type"] == kind]


def test_each_picture_becomes_a_mesh_and_its_end_is_told(served, picture, subject):
    status, told = served(submit(picture, seed=3), submit(picture, seed=4, preset="draft", faces=500))
    assert status == 0
    answers, ended = of_kind(told, "answer"), of_kind(told, "ended")
    assert [line["ok"] for line in answers] == [True, True]
    assert [line["job"] for line in ended] == [line["job"] for line in answers]
    assert [(line["state"], line["seed"], line["preset"]) for line in ended] == [
        ("done", 3, "standard"),
        ("done", 4, "draft"),
    ]
    for line in ended:
        with open(line["mesh"], "rb") as file:
            assert file.read() == subject.read_bytes()
    assert [job.request.faces for job in jobs.recent()] == [500, None]


def test_every_stage_is_told_in_its_order(served, picture):
    _, told = served(submit(picture), behaviour="works --pace 0.05")
    stages = [line["stage"] for line in of_kind(told, "stage")]
    assert stages == list(serving.protocol.Stage)


def test_one_backend_does_all_jobs(served, picture, session, tmp_path):
    served(*[submit(picture, seed=seed) for seed in range(3)])
    assert len(list((tmp_path / "data" / "logs").glob("backend-*.log"))) == 1


def test_a_last_line_without_its_end_counts(served, picture):
    status, told = served(submit(picture), end=b"")
    assert (status, told[-1]["state"]) == (0, "done")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{", "not JSON"),
        (b"[1]", "must be an object"),
        (b'{"type": "fly"}', "unknown message type 'fly'"),
        (b'{"type": "submit"}', "needs the field 'image'"),
        (b'{"type": "submit", "image": "a", "seed": "7"}', "Submit.seed must be int, got '7'"),
        (b'{"type": "submit", "image": "a", "preset": "best"}', "must be one of draft, standard, high"),
        (b'{"type": "submit", "image": "a", "colour": "red"}', "no field 'colour'"),
        (b'{"type": "submit", "image": "nothing.png"}', "There is no picture"),
        (b'{"type": "status", "job": "nobody"}', "There is no job 'nobody'"),
        (b'{"type": "result", "job": "nobody"}', "There is no job 'nobody'"),
    ],
)
def test_a_bad_line_is_refused_and_the_next_one_served(served, picture, line, words):
    status, told = served(line, submit(picture))
    refused, granted = of_kind(told, "answer")
    assert status == 1
    assert (refused["ok"], granted["ok"]) == (False, True)
    assert words in refused["error"]
    assert told[-1]["state"] == "done"


def test_a_line_without_end_ends_the_input(served, picture):
    status, told = served(submit(picture), b"x" * (2 << 20), submit(picture))
    assert status == 1
    assert [line["ok"] for line in of_kind(told, "answer")] == [True, False]
    assert "longer than" in of_kind(told, "answer")[1]["error"]
    assert [line["state"] for line in of_kind(told, "ended")] == ["done"]


def test_a_failure_is_told_with_its_sentence_and_in_the_status(served, picture):
    status, told = served(submit(picture), behaviour="fails")
    assert status == 1
    assert (told[-1]["state"], told[-1]["message"]) == ("failed", "The picture shows no object. Try another.")
    assert "mesh" not in told[-1]


class Talk(io.BytesIO):
    """A pipeline that answers what it hears: takes the place of the pipe out."""

    def __init__(self, ask, reactions):
        super().__init__()
        self.told = []
        self._ask, self._reactions = ask, reactions

    def write(self, line):
        self.told.append(json.loads(line))
        if self._reactions and (request := self._reactions[0](self.told[-1])) is not None:
            self._reactions.pop(0)
            self._ask(request)
        return len(line)


@pytest.fixture
def talk(enabled, make_python):
    """Serves a pipeline whose next request comes from what it has heard; gives status and what was told."""

    def run(first, *reactions, behaviour):
        enabled.python = str(make_python(behaviour))
        in_read, in_write = os.pipe()

        def ask(request):
            if request is END:
                os.close(in_write)
            else:
                os.write(in_write, json.dumps(request).encode() + b"\n")

        ask(first)
        sink = Talk(ask, list(reactions))
        with os.fdopen(in_read, "rb") as source:
            return serving.serve(source, sink), sink.told

    return run


END = object()


def test_a_job_can_be_looked_at_and_cancelled(talk, picture):
    def in_views(line, kind):
        return {"type": kind, "job": line["job"]} if line.get("stage") == "views" else None

    status, told = talk(
        submit(picture),
        lambda line: in_views(line, "status"),
        lambda line: in_views(line, "result") if line["type"] == "answer" else None,
        lambda line: {"type": "cancel", "job": told_job(line)} if line.get("ok") is False else None,
        lambda line: END if line["type"] == "ended" else None,
        behaviour="waits",
    )
    answers = of_kind(told, "answer")
    assert (answers[1]["state"], answers[1]["stage"], answers[1]["message"]) == ("running", "views", "")
    assert answers[2]["error"] == "The job toy car is running."
    assert told[-1]["state"] == "cancelled"
    assert status == 1  # for the result that was not there yet


def told_job(line):
    return jobs.recent()[0].id


def test_a_result_is_given_as_often_as_asked_for(talk, picture):
    status, told = talk(
        submit(picture),
        lambda line: {"type": "result", "job": line["job"]} if line["type"] == "ended" else None,
        lambda line: {"type": "result", "job": line["job"]} if "mesh" in line else None,
        lambda line: END if "mesh" in line else None,
        behaviour="works",
    )
    assert status == 0
    assert (
        told[-1]
        == told[-2]
        == {"type": "answer", "ok": True, "job": told[0]["job"], "mesh": told[-1]["mesh"]}
    )


class Deaf(io.BytesIO):
    """A pipe that nobody reads."""

    def write(self, line):
        raise BrokenPipeError


def test_when_nobody_listens_the_jobs_are_cancelled(enabled, make_python, picture):
    enabled.python = str(make_python("waits"))
    read, write = os.pipe()
    os.write(write, json.dumps(submit(picture)).encode() + b"\n")
    with os.fdopen(read, "rb") as source:
        assert serving.serve(source, Deaf()) == 1
    os.close(write)
    (job,) = jobs.recent()
    assert jobs.wait(job.id, timeout_s=20).state is jobs.JobState.CANCELLED


def test_the_command_speaks_on_standard_output_alone(enabled, make_python, picture, capfd):
    """What is printed meanwhile, by compiled code too, goes to standard error."""
    enabled.python = str(make_python("works"))
    read, write = os.pipe()
    os.write(write, json.dumps(submit(picture)).encode() + b"\n")
    os.close(write)
    with standard_input(read):
        capfd.readouterr()
        status = command.run(["serve"])
    out, _ = capfd.readouterr()
    assert status == 0
    kinds = [json.loads(line)["type"] for line in out.splitlines()]
    assert (kinds[0], kinds[-1]) == ("answer", "ended")
    with serving.standard_streams():
        os.write(1, b"noise\n")
    assert capfd.readouterr() == ("", "noise\n")


@contextlib.contextmanager
def standard_input(fd):
    kept = os.dup(0)
    os.dup2(fd, 0)
    try:
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(fd)


def test_a_backend_that_cannot_be_started_is_one_line_and_a_status(enabled, tmp_path, capfd):
    enabled.python = str(tmp_path / "nothing")
    capfd.readouterr()
    assert command.run(["serve"]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("error: There is no Python at")
    assert len(err.splitlines()) == 1
