"""Every reader of files that come from outside, each with a whole file and the errors that it may raise."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from PIL import Image

from backend.artifact_files import (
    read_matte,
    read_occupancy,
    read_shape,
    read_views,
    write_occupancy,
    write_rgba,
    write_shape,
    write_views,
)
from backend.errors import One2345Error
from backend.geometry.glb_reader import read_glb, read_textured_glb
from backend.images import read_picture
from backend.installation import State, read_state, state_data
from backend.jobs import RECORD_FILE, Job
from backend.models.autoencoder import AutoencoderConfig, ViewAutoencoder
from backend.models.catalogue import CATALOGUE, read_catalogue
from backend.models.colour_field import ColourField, ColourFieldConfig, load_field, save_field
from backend.models.component_layout import load_component
from backend.models.empty_prompt import empty_prompt_ids
from backend.models.feature_extractor import read_feature_extractor
from backend.models.weights import load_network, save_weights
from backend.models.zero123plus_weights import check_published, read_zero123plus
from backend.protocol import REPORT_FILE, REQUEST_FILE, Request, Stage
from backend.records import to_data
from tests.addon.extension import errors, glb, history
from tests.addon.subjects import write_subject
from tests.backend.conftest import TINY_AUTOENCODER
from tests.backend.geometry.bodies import sparse_shape
from tests.backend.models.opened import open_model
from tests.backend.models.public_weights import write_zero123plus


@dataclass(frozen=True, kw_only=True)
class Reader:
    """One kind of file.

    Attributes:
        name: What tests call it.
        file: Name of the file, below a folder of its own.
        write: Puts a whole file there.
        read: Reads it.
        errors: What it may raise; anything else is a fault of ours.
    """

    name: str
    file: str
    write: Callable[[Path], object]
    read: Callable[[Path], object]
    errors: tuple[type[Exception], ...] = (One2345Error,)


def _picture(path: Path) -> None:
    draw = np.random.default_rng(0)
    Image.fromarray(draw.integers(0, 255, (40, 48, 4), dtype=np.uint8)).save(path)


def _weights(path: Path) -> None:
    """The smallest network of a set; its siblings are not needed."""
    save_weights(ViewAutoencoder(TINY_AUTOENCODER), path.parent, path.stem, config=TINY_AUTOENCODER)


def _job(path: Path) -> None:
    job = Job(path.parent)
    job.write_request(Request(image="/picture.png"))
    job.replace(Stage.MATTE, {"seed": 1}, lambda parts: _write_bytes(parts[0]))
    job.write_report({"stages": {"matte": {"seconds": 1.0}}, "seconds": 1.0})


def _write_bytes(path: Path) -> None:
    path.write_bytes(b"x")


def _read_job(path: Path) -> None:
    job = Job(path.parent)
    job.read_request()
    job.read_report()
    for stage in Stage:
        job.is_given(stage)


def _journal(path: Path) -> None:
    """A finished job of an earlier session."""
    (path.parent / "request.json").write_text(json.dumps(to_data(Request(image="/picture.png"))))
    (path.parent / "report.json").write_text(json.dumps({"stages": {"matte": {"seconds": 1.0}}}))
    (path.parent / "textured.glb").write_bytes(b"x")
    entry = {"title": "a", "state": "done", "pid": 1, "location": [1.0, 2.0, 3.0], "tags": ["a"]}
    path.write_text(json.dumps(entry))


def _field(path: Path) -> None:
    config = ColourFieldConfig(resolution=8, rank=2, features=3)
    save_field(ColourField(config, generator=torch.Generator().manual_seed(0)), path)


def _state(path: Path) -> None:
    path.write_bytes(state_data(State(environment="a", python="bin/python", locks={"runtime.txt": "0"})))


def _published(path: Path) -> Path:
    """The folder of published weights that a file of it lies in."""
    return path.parent if path.name == "model_index.json" else path.parents[1]


def _published_readers() -> tuple[Reader, ...]:
    def reader(name: str, file: str, read: Callable[[Path], object]) -> Reader:
        def write(path: Path) -> object:
            return write_zero123plus(_published(path))

        return Reader(name=f"published {name}", file=file, write=write, read=read)

    def check(path: Path) -> object:
        return check_published(path.parents[1])

    def load(path: Path) -> object:
        return load_component(UNet2DConditionModel, path.parent)

    return (
        reader("index", "a/model_index.json", lambda path: read_zero123plus(path.parent)),
        reader("unet", "a/unet/config.json", check),
        reader("vae", "a/vae/config.json", lambda path: open_model(path.parents[1]).canvas),
        reader("text encoder", "a/text_encoder/config.json", check),
        reader("vision encoder", "a/vision_encoder/config.json", check),
        reader("tensors", "a/unet/diffusion_pytorch_model.safetensors", load),
        reader("extractor", "a/feature_extractor_vae/preprocessor_config.json", _read_extractor),
        reader("schedule", "a/scheduler/scheduler_config.json", _read_schedule),
        reader("tokenizer", "a/tokenizer/vocab.json", lambda path: empty_prompt_ids(path.parent, length=6)),
    )


def _read_extractor(path: Path) -> object:
    extract = read_feature_extractor(path.parent)
    return extract([Image.new("RGB", (40, 40))])


def _read_schedule(path: Path) -> object:
    scheduler = open_model(path.parents[1]).scheduler("euler_ancestral")
    scheduler.set_timesteps(2)
    return scheduler


READERS = (
    Reader(name="picture", file="a.png", write=_picture, read=read_picture),
    Reader(
        name="jpeg",
        file="a.jpg",
        write=lambda path: Image.linear_gradient("L").convert("RGB").save(path, exif=_exif()),
        read=read_picture,
    ),
    Reader(
        name="matte",
        file="matte.png",
        write=lambda path: write_rgba(torch.ones(4, 32, 32), path),
        read=read_matte,
    ),
    Reader(
        name="views",
        file="views.png",
        write=lambda path: write_views(torch.rand(6, 4, 16, 16), path),
        read=read_views,
    ),
    Reader(
        name="occupancy",
        file="occupancy.npz",
        write=lambda path: write_occupancy(torch.ones(8, 8, 8, dtype=torch.bool), path),
        read=read_occupancy,
    ),
    Reader(
        name="shape", file="shape.npz", write=lambda path: write_shape(sparse_shape(), path), read=read_shape
    ),
    Reader(name="glb", file="a.glb", write=write_subject, read=read_glb),
    Reader(name="textured glb", file="a.glb", write=write_subject, read=read_textured_glb),
    Reader(
        name="glb in Blender",
        file="a.glb",
        write=write_subject,
        read=glb.read_glb,
        errors=(errors.MeshFileError,),
    ),
    Reader(
        name="weights",
        file="vae.safetensors",
        write=_weights,
        read=lambda path: load_network(ViewAutoencoder, AutoencoderConfig, path.parent, "vae"),
    ),
    *_published_readers(),
    Reader(name="colour field", file="field.safetensors", write=_field, read=load_field),
    Reader(name="request", file=REQUEST_FILE, write=_job, read=_read_job),
    Reader(name="record", file=RECORD_FILE, write=_job, read=_read_job),
    Reader(name="report", file=REPORT_FILE, write=_job, read=_read_job),
    Reader(
        name="journal",
        file="jobs/a/job.json",
        write=_journal,
        read=lambda path: list(_earlier(path)),
        errors=(),
    ),
    Reader(
        name="state", file="state.json", write=_state, read=lambda path: read_state(path.parent), errors=()
    ),
    Reader(
        name="catalogue",
        file="catalogue.json",
        write=lambda path: path.write_bytes(CATALOGUE.read_bytes()),
        read=read_catalogue,
    ),
)


def _exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()


def _earlier(path: Path) -> list[object]:
    return list(history.earlier_jobs(path.parents[2], count=3))


def write_whole_file(reader: Reader, folder: Path) -> tuple[Path, bytes]:
    """Put a reader's whole file into a folder; returns its path and its bytes."""
    path = folder / reader.file
    path.parent.mkdir(parents=True, exist_ok=True)
    reader.write(path)
    return path, path.read_bytes()
