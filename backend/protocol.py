"""Messages between the add-on and its backend process, and the words both sides share.

One message is one line of JSON (`lines.py`). The add-on writes commands to the
backend's stdin, the backend writes events to a private duplicate of its stdout; bulk data travels
as files in the job's folder. The order of events of one process is

    Hello, Ready, then for every Submit: (Progress | StageDone | Log)*, Done | Failed | Cancelled

`Hello` comes at once, before torch is imported; `Ready` follows when jobs can run (a job may be
submitted before). A `Failed` without a job means the process cannot work and ends.

Standard library only: Blender imports this module too, by a relative import.
"""

import types
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, get_args

from .lines import decode
from .records import Json, ProtocolError

PROTOCOL_VERSION = 1
BACKEND_VERSION = "0.1.0"

NUM_TILES = 6
"""Views on a sheet, in 3 rows of 2."""

MAX_LEVELS = 6
"""Levels of detail of one mesh, the first included."""

MAX_CANDIDATES = 16
"""Pictures drawn from words at once."""

MAX_PROMPT = 1000
"""Letters of a prompt."""

MAX_SEED = (1 << 31) - 1
"""Largest seed: what a Blender integer property holds."""


class Stage(StrEnum):
    """Stages of a job, in order."""

    MATTE = "matte"
    VIEWS = "views"
    OCCUPANCY = "occupancy"
    SHAPE = "shape"
    MESH = "mesh"
    TEXTURE = "texture"


class Engine(StrEnum):
    """Methods: six views and two diffusion models of volumes, or 32 views and a field straight from them."""

    ONE2345_PLUS = "one2345++"
    ONE2345 = "one2345"


ENGINE_STAGES: Mapping[Engine, tuple[Stage, ...]] = types.MappingProxyType(
    {
        Engine.ONE2345_PLUS: tuple(Stage),
        Engine.ONE2345: tuple(stage for stage in Stage if stage is not Stage.OCCUPANCY),
    }
)
"""The stages of a job, in order."""


class Preset(StrEnum):
    """Named trade of time against quality."""

    DRAFT = "draft"
    STANDARD = "standard"
    HIGH = "high"


class Device(StrEnum):
    """Where the networks run; `auto` takes the fastest present."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


REQUEST_FILE = "request.json"
REPORT_FILE = "report.json"
RECORD_FILE = "stages.json"
THUMBNAIL_FILE = "thumbnail.png"
"""A small picture of the finished mesh, for lists and asset browsers."""
STAGE_FILES: Mapping[Stage, tuple[str, ...]] = types.MappingProxyType(
    {
        Stage.MATTE: ("matte.png",),
        Stage.VIEWS: ("views.png",),
        Stage.OCCUPANCY: ("occupancy.npz",),
        Stage.SHAPE: ("shape.npz",),
        Stage.MESH: ("mesh.glb",),
        Stage.TEXTURE: ("textured.glb", "field.safetensors"),
    }
)
"""Artifacts each stage leaves in the job's folder; the first is the one to show or import."""

LEVEL_FILE = "lod{}.glb"
"""Levels of detail after the first, numbered from 1; the stage texture leaves them beside its own files."""

CANDIDATE_FILE, CANDIDATES_SHEET = "candidate-{}.png", "candidates.png"
"""Pictures drawn from words, numbered from 1, and all of them on one sheet."""

NORMALS_FILE = "normals.png"
"""What the stage views leaves beside the views when `normals` asks for it."""

CAMERAS_FILE = "cameras.json"
"""What the stage views of One-2-3-45 leaves beside its sheet: layout and cameras (`backend/view_sets.py`)."""

REROLLED_FILE = "rerolled-{}.npy"
"""Tiles that `reroll` has drawn anew, by number: height x width x 4, as on the sheet, but read in no time."""

RETEXTURED_FILE = "retextured.glb"
"""What a request with `edited` leaves in the job's folder; no stage, so the job can go on as before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextRequest:
    """Words to make a picture of.

    With `candidates` no stage runs: that many pictures are drawn into the job's folder (`CANDIDATE_FILE`),
    to choose from, and they are the paths of `Done`; progress is that of the stage matte, and `preview`
    names the newest. Without, the words say where the request's picture comes from. `model` is a name, an
    identifier such as `stabilityai/sdxl-turbo`, or a folder; `None` means the model's own value.
    """

    prompt: str
    model: str = "sdxl-turbo"
    candidates: int = 0
    steps: int | None = None
    guidance: float | None = None

    def __post_init__(self) -> None:
        if not self.prompt.strip() or len(self.prompt) > MAX_PROMPT:
            raise ProtocolError(f"a prompt must have 1 to {MAX_PROMPT} letters, got {len(self.prompt)}")
        if not 0 <= self.candidates <= MAX_CANDIDATES:
            raise ProtocolError(f"candidates must be 0..{MAX_CANDIDATES}, got {self.candidates}")
        if self.steps is not None and not 1 <= self.steps <= 200:
            raise ProtocolError(f"the steps of a picture must be 1..200, got {self.steps}")
        if self.guidance is not None and not 0 <= self.guidance <= 30:
            raise ProtocolError(f"guidance must be 0..30, got {self.guidance}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What to make. Paths are absolute; `None` means the preset's or the weights' own value.

    A job whose folder already holds artifacts goes on from them, edited or not; `start_from`
    makes that stage and all after it anew. `use_photo` lets the picture itself paint what it shows of the
    mesh. `reroll` draws some of the six views anew, with a seed of their own, and keeps the others; tiles
    are numbered 1 to 6, row by row.

    `flat_base` cuts the underside flat so that the object stands; `normal_map` says whether the surface
    before simplification is baked into one; `lods` are face counts of further levels of detail, each with
    a texture of its own from the same field.

    `edited` names a sculpted copy of the job's mesh, in the frame it was exported in (GLB or another format
    that `texture` reads). Then no stage runs: the colour field that the job keeps is baked onto that mesh
    into `RETEXTURED_FILE`, which is the one path of `Done`; progress is that of the stage texture, and of
    the other fields only `texture_px`, `preset`, `keep_uvs` and `device` count. The job's own files,
    request and report stay as they are, so a copy can be sculpted and baked as often as wanted.

    `text` are words in place of, or behind, the picture.

    With the engine `one2345` the sheet of views holds 32, `CAMERAS_FILE` says where they are seen from, and
    there is no stage occupancy.

    `depth` names a sheet of six depth pictures that steer the views; `normals` asks for a sheet of the views'
    normals in `NORMALS_FILE`. Both need weights that bring a network for it.
    """

    image: str | None = None
    mask: str | None = None
    seed: int = 0
    preset: Preset = Preset.STANDARD
    engine: Engine = Engine.ONE2345_PLUS
    faces: int | None = None
    texture_px: int | None = None
    weights: str = "starter"
    depth: str | None = None
    normals: bool = False
    rig: str | None = None
    device: Device = Device.AUTO
    start_from: Stage | None = None
    stop_after: Stage = Stage.TEXTURE
    keep_uvs: bool = False
    use_photo: bool = True
    flat_base: bool = False
    normal_map: bool | None = None
    lods: tuple[int, ...] = ()
    edited: str | None = None
    reroll: tuple[int, ...] = ()
    reroll_seed: int = 0
    text: TextRequest | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= MAX_SEED:
            raise ProtocolError(f"seed must be 0..{MAX_SEED}, got {self.seed}")
        if self.faces is not None and not 100 <= self.faces <= 1_000_000:
            raise ProtocolError(f"faces must be 100..1000000, got {self.faces}")
        if any(not 100 <= count <= 1_000_000 for count in self.lods) or len(self.lods) > MAX_LEVELS - 1:
            raise ProtocolError(
                f"lods must be up to {MAX_LEVELS - 1} face counts of 100..1000000, got {list(self.lods)}"
            )
        if self.texture_px is not None and not 64 <= self.texture_px <= 8192:
            raise ProtocolError(f"texture_px must be 64..8192, got {self.texture_px}")
        stages = list(Stage)
        if self.start_from and stages.index(self.start_from) > stages.index(self.stop_after):
            raise ProtocolError(f"cannot start from {self.start_from} and stop after {self.stop_after}")
        self._check_engine()
        self._check_reroll()

    def _check_engine(self) -> None:
        stages = ENGINE_STAGES[self.engine]
        for stage in (self.start_from, self.stop_after):
            if stage is not None and stage not in stages:
                raise ProtocolError(
                    f"the engine {self.engine} has no stage {stage}; it has {', '.join(stages)}"
                )
        if self.engine is Engine.ONE2345 and (self.rig or self.reroll or self.depth or self.normals):
            raise ProtocolError(
                f"the engine {self.engine} has cameras of its own and knows no rig, re-rolled tiles, depth"
                f" or normals; leave them out or use {Engine.ONE2345_PLUS}"
            )

    def _check_reroll(self) -> None:
        if not 0 <= self.reroll_seed <= MAX_SEED:
            raise ProtocolError(f"reroll_seed must be 0..{MAX_SEED}, got {self.reroll_seed}")
        if not set(self.reroll) <= set(range(1, NUM_TILES + 1)):
            raise ProtocolError(f"reroll must name tiles from 1 to {NUM_TILES}, got {list(self.reroll)}")
        if self.reroll and (self.start_from or self.stop_after is Stage.MATTE):
            raise ProtocolError("tiles are re-rolled in views that are there: name no stage to start from")


# Commands: the add-on to the backend.


@dataclass(frozen=True, kw_only=True, slots=True)
class Submit:
    """Run a job in `folder` (made if missing). Jobs run one by one in the order submitted."""

    TYPE: ClassVar[str] = "submit"
    job: str
    folder: str
    request: Request


@dataclass(frozen=True, kw_only=True, slots=True)
class Cancel:
    """Stop a queued or running job at its next step; answered by `Cancelled`."""

    TYPE: ClassVar[str] = "cancel"
    job: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AskMemory:
    """Say what memory is free; answered by `Ready` while no job runs, and at the end of one that does."""

    TYPE: ClassVar[str] = "ask_memory"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shutdown:
    """Cancel everything and end; end-of-file on stdin means the same."""

    TYPE: ClassVar[str] = "shutdown"


# Events: the backend to the add-on.


@dataclass(frozen=True, kw_only=True, slots=True)
class Hello:
    """First message of a process. A version other than the client's own means: restart it."""

    TYPE: ClassVar[str] = "hello"
    protocol: int
    backend: str
    pid: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """Jobs can run. `device` is what `auto` chose; memory is the device's, in bytes.

    Comes again after each job, when idle networks have left memory, and when asked for: memory has changed by
    then. `held_bytes` are taken by networks that stay for the next job, or make room for it.
    """

    TYPE: ClassVar[str] = "ready"
    device: Device
    device_name: str
    free_bytes: int
    total_bytes: int
    held_bytes: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Step `step` of `total` of a stage is done; step 0 says that the stage begins."""

    TYPE: ClassVar[str] = "progress"
    job: str
    stage: Stage
    step: int
    total: int
    preview: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StageDone:
    """A stage's artifacts are whole on disk. `reused`: they were there before and still fit."""

    TYPE: ClassVar[str] = "stage_done"
    job: str
    stage: Stage
    paths: tuple[str, ...]
    seconds: float
    reused: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """The job has reached its last stage; `report` is the content of report.json."""

    TYPE: ClassVar[str] = "done"
    job: str
    paths: tuple[str, ...]
    report: dict[str, Json]


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """The job, or without a job the process, cannot go on.

    `code` is for programs (`backend/errors.py` lists them), `message` is one sentence for
    people, `action` what they can do about it or empty.
    """

    TYPE: ClassVar[str] = "failed"
    job: str | None
    code: str
    message: str
    action: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cancelled:
    """The job has stopped as asked; finished stages stay in its folder."""

    TYPE: ClassVar[str] = "cancelled"
    job: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Log:
    """A sentence worth showing: `level` is `info` or `warning`."""

    TYPE: ClassVar[str] = "log"
    level: str
    message: str
    job: str | None = None


Command = Submit | Cancel | AskMemory | Shutdown
Event = Hello | Ready | Progress | StageDone | Done | Failed | Cancelled | Log

_COMMANDS = {cls.TYPE: cls for cls in get_args(Command)}
_EVENTS = {cls.TYPE: cls for cls in get_args(Event)}


def decode_command(line: bytes) -> Command:
    """Read what the add-on wrote."""
    return decode(line, _COMMANDS)


def decode_event(line: bytes) -> Event:
    """Read what the backend wrote."""
    return decode(line, _EVENTS)
