"""`generate --prompt`: from words to pictures to choose from, and on with the chosen one."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from backend.candidates import draw_candidates
from backend.errors import ConfigError
from backend.jobs import Job
from backend.lines import encode
from backend.models.text_models import find_text_model
from backend.protocol import CANDIDATES_SHEET, MAX_CANDIDATES, Done, Event, Request
from backend.text_arguments import DEFAULT_CANDIDATES
from backend.work import Resources


def candidates_folder(arguments: argparse.Namespace) -> Path:
    """Where the pictures go: the job's folder, or one beside the output that the next call finds again."""
    output = arguments.output
    return arguments.job or output.with_name(f"{output.stem}-candidates")


def picked(
    request: Request,
    arguments: argparse.Namespace,
    resources: Resources,
    on_event: Callable[[Event], None],
) -> Request | None:
    """Draw what is missing; returns the request to go on with, or None when the artist is to choose first.

    Raises:
        One2345Error: of any kind.
    """
    text = request.text
    if text is None:
        return request
    count = DEFAULT_CANDIDATES if arguments.candidates is None else arguments.candidates
    pick = 1 if count == 1 and arguments.pick is None else arguments.pick
    for name, value in (("candidates", count), ("pick", pick)):
        if value is not None and not 1 <= value <= MAX_CANDIDATES:
            raise ConfigError(f"--{name} must be 1..{MAX_CANDIDATES}, got {value}")
    is_one_enough = pick is not None and arguments.candidates is None
    asked = replace(text, candidates=max(count, pick or 1))
    find_text_model(text.model, resources.root or Path())  # Before there is a folder that nothing fills.
    job = Job(candidates_folder(arguments))
    drawing = replace(request, image=None, text=asked)
    draw_candidates(
        job,
        drawing,
        asked,
        resources,
        on_event=on_event,
        name=job.name,
        numbers=[pick] if pick is not None and is_one_enough else (),
    )
    if pick is not None:
        return replace(request, image=str(job.candidate(pick).resolve()), text=replace(text, candidates=0))
    job.write_request(replace(request, text=text))
    return None


def tell_candidates(arguments: argparse.Namespace) -> None:
    """Say where the pictures are, and how to choose one."""
    job = Job(candidates_folder(arguments))
    paths = [str(path.resolve()) for path in job.candidates().values()]
    if arguments.json:
        sys.stdout.buffer.write(encode(Done(job=job.name, paths=tuple(paths), report={})))
        return
    sheet = job.folder / CANDIDATES_SHEET
    sys.stdout.write(f"{len(paths)} pictures, all on {sheet}; choose one: the same command with --pick K\n")
