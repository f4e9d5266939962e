"""Pictures drawn from words, to choose from: what a request with `text.candidates` does.

No stage runs. Each picture has a seed of its own, so that number 3 is the same whether two or twenty are
drawn, and one that is there already is kept. The model is let go of before this returns: the stages need
its memory.
"""

import gc
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image, ImageDraw
from torch import Tensor

from backend.devices import device_name, free_caches, peaks, reset_peaks
from backend.errors import GpuMemoryError, OnStep
from backend.jobs import Job
from backend.models.text_models import FoundTextModel, TextSampling, find_text_model
from backend.models.wording import wrapped
from backend.protocol import CANDIDATES_SHEET, Event, Json, Progress, Request, Stage, TextRequest
from backend.reports import versions
from backend.storage import part_of, put_in_place, write_whole, writing_errors
from backend.work import Resources, derived_seed

OnEvent = Callable[[Event], None]

RECORD_FILE = "candidates.json"
"""What the pictures in a job's folder were drawn from."""
_CELL_PX, _COLUMNS, _MARGIN_PX = 256, 4, 8


@dataclass(frozen=True, kw_only=True, slots=True)
class _Drawing:
    """What is drawn, with what, and who is told."""

    job: Job
    request: Request
    text: TextRequest
    found: FoundTextModel
    config: TextSampling
    on_event: OnEvent
    name: str

    def tell(self, done: int, total: int, newest: Path | None = None) -> None:
        """Report how far it is."""
        preview = None if newest is None else str(newest)
        self.on_event(
            Progress(job=self.name, stage=Stage.MATTE, step=done, total=max(1, total), preview=preview)
        )


def draw_candidates(
    job: Job,
    request: Request,
    text: TextRequest,
    resources: Resources,
    *,
    on_event: OnEvent,
    name: str,
    numbers: Sequence[int] = (),
) -> dict[str, Json]:
    """Draw what is missing of a job's candidates, and their sheet; returns a report.

    Args:
        numbers: The candidates to draw, from 1; all that are asked for when empty.
        name: What the events call the job.

    Raises:
        One2345Error: of any kind; pictures that are finished stay.
    """
    wanted = list(numbers) or list(range(1, text.candidates + 1))
    found = find_text_model(text.model, resources.root or Path())
    config = TextSampling(
        steps=text.steps or found.steps,
        guidance=found.guidance if text.guidance is None else text.guidance,
        picture_px=found.picture_px,
    )
    drawing = _Drawing(
        job=job, request=request, text=text, found=found, config=config, on_event=on_event, name=name
    )
    _forget_others(drawing)
    start = time.monotonic()
    reset_peaks(resources.device)
    missing = [number for number in wanted if not job.candidate(number).is_file()]
    if missing:
        resources.networks.clear()  # which would stand in the model's way
        _draw(drawing, missing, resources.device)
    write_sheet(job)
    drawing.tell(1, 1)
    return _report(drawing, wanted, time.monotonic() - start, resources.device)


def _draw(drawing: _Drawing, missing: Sequence[int], device: torch.device) -> None:
    """Draw pictures, each whole in its place before the next one is begun.

    Raises:
        GpuMemoryError: the model does not fit.
    """
    # It imports every pipeline of diffusers, which takes seconds that other jobs need not wait.
    from backend.models.text_to_image import TextPainter

    steps = drawing.config.steps
    total = steps * len(missing)
    wording = wrapped(drawing.text.prompt)
    drawing.tell(0, total)
    try:
        painter = TextPainter(drawing.found, device)
        for index, number in enumerate(missing):
            picture = painter.draw(
                wording,
                seed=seed_of(drawing.request, number),
                config=drawing.config,
                on_step=_shifted(drawing, index * steps, total),
            )
            path = drawing.job.candidate(number)
            _write_picture(picture, path)
            drawing.tell((index + 1) * steps, total, path)
    except torch.OutOfMemoryError as error:
        raise GpuMemoryError(
            f"Memory ran out while {drawing.found.title} drew; close other programs, choose a smaller model"
            " or use the device cpu"
        ) from error
    finally:
        painter = None
        gc.collect()  # a pipeline's parts name each other
        free_caches(device)


def _shifted(drawing: _Drawing, before: int, total: int) -> OnStep:
    return lambda step, _: drawing.tell(before + step, total)


def seed_of(request: Request, number: int) -> int:
    """The seed of a candidate, which depends on the job's seed and its own number alone."""
    return derived_seed(f"{request.seed}/text/{number}")


def _forget_others(drawing: _Drawing) -> None:
    """Remove pictures that were drawn from other words, or otherwise."""
    record = drawing.job.folder / RECORD_FILE
    source = {
        "seed": drawing.request.seed,
        "prompt": drawing.text.prompt,
        "model": str(drawing.found.folder),
        **asdict(drawing.config),
    }
    wanted = (json.dumps(source, indent=2) + "\n").encode()
    if record.is_file() and record.read_bytes() == wanted:
        return
    with writing_errors(record):
        for path in drawing.job.candidates().values():
            path.unlink()
    write_whole(record, wanted)


def _write_picture(picture: Float[Tensor, "3 h w"], path: Path) -> None:
    pixels = (picture.permute(1, 2, 0) * 255).round().byte().numpy()
    part = part_of(path)
    with writing_errors(path):
        Image.fromarray(pixels).save(part, format="PNG")
        put_in_place(part, path)


def write_sheet(job: Job) -> Path:
    """All candidates that are there on one picture, with their numbers; returns its path."""
    found = job.candidates()
    columns = max(1, min(_COLUMNS, len(found)))
    rows = -(-len(found) // columns)
    cell = _CELL_PX + _MARGIN_PX
    sheet = Image.new("RGB", (columns * cell + _MARGIN_PX, rows * cell + _MARGIN_PX), (40, 40, 40))
    draw = ImageDraw.Draw(sheet)
    for place, (number, path) in enumerate(found.items()):
        corner = (_MARGIN_PX + place % columns * cell, _MARGIN_PX + place // columns * cell)
        with Image.open(path) as picture:
            sheet.paste(picture.convert("RGB").resize((_CELL_PX, _CELL_PX), Image.Resampling.LANCZOS), corner)
        draw.rectangle((*corner, corner[0] + 30, corner[1] + 26), fill=(40, 40, 40))
        draw.text((corner[0] + 6, corner[1] + 2), str(number), fill=(255, 255, 255), font_size=20)
    path = job.folder / CANDIDATES_SHEET
    part = part_of(path)
    with writing_errors(path):
        sheet.save(part, format="PNG")
        put_in_place(part, path)
    return path


def _report(
    drawing: _Drawing, numbers: Sequence[int], seconds: float, device: torch.device
) -> dict[str, Json]:
    facts: dict[str, Json] = {
        "prompt": drawing.text.prompt,
        "full_prompt": wrapped(drawing.text.prompt).prompt,
        "model": drawing.found.title,
        "licence": drawing.found.licence,
        "seeds": {str(number): seed_of(drawing.request, number) for number in numbers},
    }
    for kind, size in peaks(device).items():
        facts[f"peak_{kind}_mib"] = round(size / 2**20, 1)
    return {
        "text": facts,
        "device": {"type": device.type, "name": device_name(device)},
        "versions": versions(),
        "mesh": None,
        "seconds": round(seconds, 3),
    }
