"""What both sides know of an installation: the installer's messages, and the file that says what is there.

The installer (`python -m backend.install`) is a process of the standard library alone, which Blender's own
Python can run. Like the backend it writes one JSON message a line and reads commands on stdin:

    Step*, then Installed | Damaged | Failed | Cancelled

A data root holds

    state.json    which environment is in use; written last, in one step
    env/NAME/     environments; one with complete.json is whole
    bin/ python/ cache/    uv, private Pythons, and what was downloaded
    models/ jobs/ logs/

Standard library only: Blender imports this module too, by a relative import.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, get_args

from .lines import decode
from .protocol import Cancelled, Failed, Json, ProtocolError
from .records import from_data, parse_json

STATE_FILE = "state.json"
COMPLETE_FILE = "complete.json"
ENVIRONMENTS = "env"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Step `number` of `count` goes on; `done` of `total` bytes or parts, a total of 0 is not known."""

    TYPE: ClassVar[str] = "step"
    title: str
    number: int
    count: int
    done: int = 0
    total: int = 0
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """All steps are done. `text` is a sentence for people."""

    TYPE: ClassVar[str] = "installed"
    text: str
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Damaged:
    """What was looked at is not as it should be: one sentence for people on each fault found."""

    TYPE: ClassVar[str] = "damaged"
    problems: tuple[str, ...]


InstallEvent = Step | Installed | Damaged | Failed | Cancelled

_EVENTS = {cls.TYPE: cls for cls in get_args(InstallEvent)}


def decode_event(line: bytes) -> InstallEvent:
    """Read what the installer wrote.

    Raises:
        ProtocolError: it is no such message.
    """
    return decode(line, _EVENTS)


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """The environment in use."""

    environment: str
    """Name of its folder in env/."""
    python: str
    """Its Python, relative to that folder, with forward slashes."""
    locks: dict[str, Json]
    """SHA-256 of each requirement file that it was made from, by name."""

    def python_in(self, root: Path) -> Path:
        """The Python of this environment in a data root."""
        return root / ENVIRONMENTS / self.environment / self.python

    def is_whole(self, root: Path) -> bool:
        """The environment was finished and is still there."""
        marker = root / ENVIRONMENTS / self.environment / COMPLETE_FILE
        return marker.is_file() and self.python_in(root).is_file()


def read_state(root: Path) -> State | None:
    """What state.json of a data root says; None where there is none that can be read."""
    try:
        state = from_data(State, parse_json((root / STATE_FILE).read_bytes()))
    except (OSError, ProtocolError):
        return None
    names = (state.environment, *state.python.split("/"))
    is_inside = all(name and name not in (".", "..") and not set(name) & set('/\\:"') for name in names)
    return state if is_inside else None


def state_data(state: State) -> bytes:
    """The content of state.json, and of complete.json."""
    data = {field.name: getattr(state, field.name) for field in fields(state)}
    return (json.dumps(data, indent=2) + "\n").encode()


def lock_digests(requirements: Path, names: Iterable[str]) -> dict[str, Json]:
    """SHA-256 of requirement files by name; an empty one for a file that is not there."""
    found: dict[str, Json] = {}
    for name in names:
        path = requirements / name
        is_plain = Path(name).name == name and path.is_file()
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if is_plain else ""
    return found
