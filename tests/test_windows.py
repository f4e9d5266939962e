"""What runs only on Windows and Macs, as far as it can be known elsewhere: types, sizes, calls, paths."""

import ctypes
import errno
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from backend import storage
from backend.errors import StorageError
from backend.install import plan as planning
from backend.install import work
from backend.install.options import Options
from backend.install.reporter import Reporter
from backend.packages import Uv, Watch
from tests.windows import ROOT, as_windows, kernel, msvcrt

__all__ = ["kernel", "msvcrt"]

PLATFORM_FILES = sorted(
    str(path.relative_to(ROOT))
    for folder in ("addon", "backend", "builder")
    for path in (ROOT / folder).rglob("*.py")
    if "sys.platform" in path.read_text("utf-8")
)


@pytest.mark.parametrize("platform", ["Windows", "Darwin"])
def test_code_for_other_systems_has_no_type_errors(platform):
    command = [sys.executable, "-m", "pyright", "--pythonplatform", platform, *PLATFORM_FILES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def orphans(kernel, monkeypatch):
    kernel.answers["CreateJobObjectW"] = 77
    return as_windows("addon/orphans.py", monkeypatch)


def child(pid=4):
    return SimpleNamespace(pid=pid, _handle=99, kill=lambda: None)


def test_a_child_is_put_into_a_job_that_dies_with_blender(orphans, kernel):
    orphans.tie(child())
    assert [name for name, _ in kernel.calls] == [
        "CreateJobObjectW",
        "SetInformationJobObject",
        "AssignProcessToJobObject",
    ]
    job, kind, limits, size = kernel.called("SetInformationJobObject")[0]
    # JOBOBJECT_EXTENDED_LIMIT_INFORMATION of 64-bit Windows, and where its flags stand.
    assert (job.value, kind, size) == (77, 9, 144)
    assert int.from_bytes(bytes(limits._obj)[16:20], "little") == 0x2000
    assert [handle.value for handle in kernel.called("AssignProcessToJobObject")[0]] == [77, 99]


def test_the_job_is_kept_open_while_the_child_runs_and_closed_after(orphans, kernel):
    process = child()
    orphans.tie(process)
    assert kernel.called("CloseHandle") == []
    orphans.let_go(process)
    assert [handle.value for (handle,) in kernel.called("CloseHandle")] == [77]
    orphans.let_go(process)
    assert len(kernel.called("CloseHandle")) == 1


def test_killing_a_child_kills_what_it_started(orphans, kernel):
    process = child()
    orphans.tie(process)
    orphans.kill_tree(process)
    assert kernel.called("TerminateJobObject")[0][0].value == 77


def test_a_child_that_fits_into_no_job_runs_on(orphans, kernel):
    kernel.answers["AssignProcessToJobObject"] = 0
    process = child()
    orphans.tie(process)
    orphans.kill_tree(process)
    assert kernel.called("TerminateJobObject") == []


@pytest.fixture
def pipes(kernel, msvcrt, monkeypatch):
    return as_windows("addon/pipes.py", monkeypatch)


@pytest.fixture
def on_windows(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")


@pytest.fixture
def ends():
    source, sink = os.pipe()
    with os.fdopen(source, "rb", 0) as reading, os.fdopen(sink, "wb", 0) as writing:
        yield reading, writing


def test_pipes_are_told_not_to_wait(pipes, kernel, ends, on_windows):
    pipes.PipeReader(ends[0])
    handle, mode, *_ = kernel.called("SetNamedPipeHandleState")[0]
    assert (handle.value, mode._obj.value) == (ends[0].fileno(), 1)


def test_an_empty_pipe_is_not_read(pipes, kernel, ends, on_windows):
    reader = pipes.PipeReader(ends[0])
    assert reader.read() is None  # a read of this pipe would hang here


def test_what_is_there_is_read_and_a_closed_pipe_is_the_end(pipes, kernel, ends, on_windows):
    def peek(handle, buffer, size, read, available, left):
        available._obj.value = 2
        return 1

    reader = pipes.PipeReader(ends[0])
    kernel.answers["PeekNamedPipe"] = peek
    ends[1].write(b"ab")
    assert reader.read() == b"ab"
    ends[1].close()
    kernel.answers["PeekNamedPipe"] = 0
    assert reader.read() == b""


def test_what_a_full_pipe_does_not_take_is_sent_later(pipes, kernel, ends, on_windows, monkeypatch):
    writer = pipes.PipeWriter(ends[1])

    def full(fd, data):
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as context:
        context.setattr(os, "write", full)
        writer.write(b"ab")
    writer.flush()
    assert os.read(ends[0].fileno(), 9) == b"ab"


def test_two_processes_take_turns_by_microsofts_locks(msvcrt, monkeypatch, tmp_path):
    turns = as_windows("backend/turns.py", monkeypatch)
    answers = [OSError(errno.EACCES, "taken"), OSError(errno.EDEADLK, "taken"), None]
    seen, waits = [], []

    def locking(fd, mode, count):
        seen.append((mode, count, os.lseek(fd, 0, os.SEEK_CUR)))
        if answer := answers.pop(0):
            raise answer

    msvcrt.__dict__["locking"] = locking
    monkeypatch.setattr(turns, "POLL_S", 0.0)
    with turns.turn(tmp_path / "turn.lock", on_wait=waits.append):
        pass
    assert waits == [True, False]
    assert seen == [(2, 1, 0)] * 3


def test_free_memory_is_asked_of_the_kernel(kernel, monkeypatch):
    import torch

    def answer(status):
        assert ctypes.sizeof(status._obj) == status._obj.dwLength == 64
        status._obj.ullAvailPhys, status._obj.ullTotalPhys = 3, 8
        return 1

    kernel.answers["GlobalMemoryStatusEx"] = answer
    devices = as_windows("backend/devices.py", monkeypatch)
    assert devices.memory(torch.device("cpu")) == (3, 8)
    kernel.answers["GlobalMemoryStatusEx"] = 0
    assert devices.memory(torch.device("cpu")) == (0, 0)


def test_a_file_that_is_held_for_a_moment_is_replaced_then(tmp_path, monkeypatch, on_windows):
    tries = []

    def replace(self, target):
        tries.append(target)
        if len(tries) < 3:
            raise PermissionError(errno.EACCES, "held")

    monkeypatch.setattr(storage.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(Path, "replace", replace)
    storage.put_in_place(tmp_path / "part", tmp_path / "whole")
    assert len(tries) == 3


@pytest.mark.parametrize(
    ("path", "long"),
    [
        (r"C:\a b\ü", r"\\?\C:\a b\ü"),
        (r"\\server\share\a", r"\\?\UNC\server\share\a"),
        (r"\\?\C:\a", r"\\?\C:\a"),
    ],
)
def test_long_paths_get_the_prefix_that_lifts_the_limit(path, long):
    assert storage.extended(path) == long


def test_uv_is_taken_out_of_the_wheel_of_windows(tmp_path, monkeypatch):
    wheel = tmp_path / "wheels" / "uv-1.0-py3-none-win_amd64.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("uv-1.0.data/scripts/uv.exe", b"MZ")
        archive.writestr("uv-1.0.data/scripts/uvx.exe", b"MZx")
    packages = as_windows("backend/packages.py", monkeypatch)
    program = packages.find_uv(tmp_path / "data", wheel.parent)
    assert program == tmp_path / "data" / "bin" / "uv-1.0" / "uv.exe"
    assert program.read_bytes() == b"MZ"


def test_an_environment_on_windows_has_its_python_among_the_scripts(tmp_path, monkeypatch, on_windows):
    monkeypatch.setattr(Uv, "run", lambda self, arguments, watch: None)
    options = Options(root=tmp_path, python="python.exe")
    uv = Uv(binary=tmp_path / "uv.exe", root=tmp_path)
    plan = planning.Plan(
        locks=(),
        digests={},
        download_bytes=0,
        disk_bytes=0,
        models=(),
        text="",
        is_for_card=False,
        pythons=("3.11",),
    )
    found = work._prepare_python(uv, tmp_path / "env", plan, options, Reporter(None, work.titles(options)))
    assert found == (tmp_path / "env" / "Scripts" / "python.exe", ())


def test_a_private_python_of_windows_is_found_where_it_lies(tmp_path, monkeypatch):
    asked = []

    def run(command, **options):
        asked.append(command[0])
        return [], 0

    program = tmp_path / "cpython-3.11.18-windows-x86_64-none" / "python.exe"
    program.parent.mkdir()
    program.touch()
    monkeypatch.setattr(work, "run_watched", run)
    assert work._runs(tmp_path, Watch())
    assert asked == [str(program)]


def test_data_lies_in_the_local_folder_of_windows_and_in_the_library_of_macs(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert storage.data_root({"LOCALAPPDATA": "/a"}) == Path("/a/one2345")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert storage.data_root({}) == Path.home() / "Library/Application Support/one2345"


def test_a_data_folder_with_too_long_a_path_is_refused_before_anything_is_fetched(tmp_path, on_windows):
    with pytest.raises(StorageError, match="at most 100"):
        planning._check_length(tmp_path / ("x" * 100))
    planning._check_length(Path("C:/Users/Zofie/AppData/Local/one2345"))


def test_the_longest_module_fits_below_the_longest_data_folder():
    """260 characters hold the data folder, `env/NAME/Lib/site-packages/` and every installed module."""
    import diffusers

    packages = Path(diffusers.__file__).parents[1]
    names = ("diffusers", "transformers", "torch", "scipy", "warp", "onnxruntime", "skimage")
    longest = max(
        len(str(path.relative_to(packages))) for name in names for path in (packages / name).rglob("*.py")
    )
    assert planning.MAX_WINDOWS_ROOT + len(r"\env\0123456789ab\Lib\site-packages") + 1 + longest < 260
