"""A small world to install in: an index on this machine, an extension with its locks, an empty data root."""

import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest

from backend.install import plan as planning
from backend.install import work
from backend.install.options import Options
from backend.install.reporter import Reporter
from backend.installation import Installed, InstallEvent, decode_event
from tests.backend.install.server import FileServer, make_wheel

PACKAGES = 10
PAYLOAD_BYTES = 40_000


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything that an installation meets."""

    server: FileServer
    extension: Path
    root: Path
    wheels: Path
    sink: BinaryIO

    def options(self, **changes: object) -> Options:
        given = {
            "root": self.root,
            "extension": self.extension,
            "torch": "torch-cpu",
            "python": sys.executable,
            "models": (),
            "has_test": False,
        }
        return Options(**(given | changes))  # type: ignore[arg-type]

    def install(self, **changes: object) -> None:
        options = self.options(**changes)
        reporter = Reporter(self.sink, work.titles(options))
        reporter.send(work.install(options, reporter))

    @property
    def done(self) -> Installed:
        """What the last installation said in the end."""
        last = self.events[-1]
        assert isinstance(last, Installed)
        return last

    @property
    def events(self) -> list[InstallEvent]:
        return [decode_event(line) for line in Path(self.sink.name).read_bytes().splitlines()]

    def environments(self) -> list[str]:
        folder = self.root / "env"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@pytest.fixture
def server(tmp_path):
    """A file server that works well until it is told otherwise."""
    folder = tmp_path / "served"
    folder.mkdir()
    made = FileServer(folder)
    yield made
    made.close()


@pytest.fixture
def world(tmp_path, server, monkeypatch):
    """Ten packages in an index, in a place with spaces and letters of other scripts."""
    draw = random.Random(0)
    extension = tmp_path / "extension Ž 空"
    (extension / "requirements").mkdir(parents=True)
    lines = [
        make_wheel(server.folder, f"part-{number}", payload=draw.randbytes(PAYLOAD_BYTES))
        for number in range(PACKAGES)
    ]
    (extension / "requirements" / "runtime.txt").write_text("".join(lines[:-1]))
    (extension / "requirements" / "torch-cpu.txt").write_text(lines[-1])
    sizes = {"linux-x64": PAYLOAD_BYTES * (PACKAGES - 1)}
    (extension / "requirements" / "sizes.json").write_text(
        json.dumps({"runtime.txt": sizes, "torch-cpu.txt": {"linux-x64": PAYLOAD_BYTES}})
    )
    for name, value in {
        "UV_DEFAULT_INDEX": f"{server.url}/simple",
        "UV_HTTP_RETRIES": "0",
        "UV_HTTP_TIMEOUT": "2",
        "UV_CONCURRENT_DOWNLOADS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("UV_FIND_LINKS", "UV_INDEX", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(planning, "platform_key", lambda: "linux-x64")
    # The packages of this world are none that could be loaded; the probe has tests of its own.
    monkeypatch.setattr(work, "check_imports", lambda python, reporter: "cpu")
    with (tmp_path / "events").open("wb") as sink:
        yield World(
            server=server,
            extension=extension,
            root=tmp_path / "data ü x",
            wheels=server.folder,
            sink=sink,
        )
