"""uv taken out of its wheel, and what its failures mean."""

import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from backend.errors import Cancelled, InstallError, NetworkError, StorageError
from backend.packages import Watch, explained, find_uv, run_watched, torch_backend


@pytest.fixture
def wheels(tmp_path):
    folder = tmp_path / "wheels"
    folder.mkdir()
    name = "uv.exe" if sys.platform == "win32" else "uv"
    with zipfile.ZipFile(folder / "uv-1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"uv-1.2.data/scripts/{name}", "#!/bin/sh\necho it runs\n")
    return folder


@pytest.mark.skipif(sys.platform == "win32", reason="a script stands in for the program")
def test_uv_comes_out_of_its_wheel_and_runs(tmp_path, wheels):
    program = find_uv(tmp_path / "data ü", wheels)
    assert subprocess.run([program], capture_output=True, text=True, check=True).stdout == "it runs\n"


def test_uv_is_taken_out_once_and_again_when_damaged(tmp_path, wheels):
    program = find_uv(tmp_path, wheels)
    first = program.stat().st_mtime_ns
    assert find_uv(tmp_path, wheels).stat().st_mtime_ns == first
    program.write_bytes(b"cut")
    assert find_uv(tmp_path, wheels).stat().st_size > 3
    program.chmod(stat.S_IREAD)
    assert os.access(find_uv(tmp_path, wheels), os.X_OK)


def test_a_damaged_wheel_is_one_sentence(tmp_path, wheels):
    next(wheels.iterdir()).write_bytes(b"no zip")
    with pytest.raises(InstallError, match="install the extension again"):
        find_uv(tmp_path, wheels)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("cause: No space left on device (os error 28)", StorageError),
        ("cause: There is not enough space on the disk. (os error 112)", StorageError),
        ("Hash mismatch for `torch==2.13.0`", InstallError),
        ("cause: Access is denied. (os error 5)", InstallError),
        ("cause: Permission denied (os error 13)", StorageError),
        ("cause: error sending request for url (http://127.0.0.1/a)", NetworkError),
        ("cause: dns error", NetworkError),
        ("cause: HTTP status server error (503 Service Unavailable)", NetworkError),
        ("cause: HTTP status client error (404 Not Found)", InstallError),
        ("something nobody knows", InstallError),
    ],
)
def test_what_uv_says_becomes_one_sentence(line, error):
    found = explained(["Resolved 3 packages", line], 2)
    assert type(found) is error
    assert "\n" not in str(found)


def test_a_program_that_is_told_to_stop_is_gone():
    class Impatient(Watch):
        def on_line(self, line: str) -> None:
            raise Cancelled(line)

    script = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with pytest.raises(Cancelled) as caught:
        run_watched(
            [sys.executable, "-c", script], environment=os.environ, folder=Path.cwd(), watch=Impatient()
        )
    if sys.platform != "win32":
        with pytest.raises(ProcessLookupError):
            os.kill(int(str(caught.value)), 0)


def test_silence_is_watched_too():
    class Ticking(Watch):
        ticks = 0

        def on_tick(self) -> None:
            self.ticks += 1
            if self.ticks > 2:
                raise Cancelled

    with pytest.raises(Cancelled):
        run_watched(
            [sys.executable, "-c", "import time; time.sleep(60)"],
            environment=os.environ,
            folder=Path.cwd(),
            watch=Ticking(),
        )


def test_torch_comes_from_its_own_index_unless_the_site_has_wheels(monkeypatch):
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    assert torch_backend("torch-cuda12") == "cu126"
    assert torch_backend("runtime") is None
    monkeypatch.setenv("UV_FIND_LINKS", "somewhere")
    assert torch_backend("torch-cpu") is None
