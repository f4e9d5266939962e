"""A stand-in for Windows: modules loaded as that system would, with its kernel played by a recorder."""

import ctypes
import importlib.util
import sys
from ctypes import wintypes
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parent.parent

SIZES = {"DWORD": ctypes.c_uint32, "ULONG": ctypes.c_uint32}
"""Types whose size on Windows is another than here."""


class Kernel:
    """kernel32: remembers every call, and answers as it was told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[object, ...]]] = []
        self.answers: dict[str, object] = {}

    def __getattr__(self, name: str) -> "Function":
        function = Function(self, name)
        setattr(self, name, function)
        return function

    def called(self, name: str) -> list[tuple[object, ...]]:
        """What a function was called with, call by call."""
        return [arguments for called, arguments in self.calls if called == name]


class Function:
    """One function of the kernel."""

    def __init__(self, kernel: Kernel, name: str) -> None:
        self._kernel, self._name = kernel, name

    def __call__(self, *arguments: object) -> object:
        self._kernel.calls.append((self._name, arguments))
        answer = self._kernel.answers.get(self._name, 1)
        return answer(*arguments) if callable(answer) else answer


@pytest.fixture
def kernel(monkeypatch):
    """The kernel that modules loaded by `as_windows` meet."""
    made = Kernel()
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=made), raising=False)
    monkeypatch.setattr(ctypes, "WinDLL", lambda name, **options: made, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: 5, raising=False)
    monkeypatch.setattr(ctypes, "WinError", lambda code=0: OSError(code, "refused"), raising=False)
    for name, kind in SIZES.items():
        monkeypatch.setattr(wintypes, name, kind)
    return made


@pytest.fixture
def msvcrt(monkeypatch):
    """Microsoft's runtime: file handles are file descriptors, and locks are told of."""
    made = ModuleType("msvcrt")
    made.__dict__.update(get_osfhandle=lambda fd: fd, LK_NBLCK=2, locking=lambda fd, mode, count: None)
    monkeypatch.setitem(sys.modules, "msvcrt", made)
    return made


def as_windows(path: str, monkeypatch) -> ModuleType:
    """A file of this repository, loaded anew as on Windows; `sys.platform` is as it was again afterwards."""
    spec = importlib.util.spec_from_file_location(f"windows_{Path(path).stem}", ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with monkeypatch.context() as context:
        context.setattr(sys, "platform", "win32")
        spec.loader.exec_module(module)
    return module
