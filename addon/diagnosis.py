"""Why the backend ended, and the one thing to do about it."""

import re
import signal
from dataclasses import dataclass
from enum import StrEnum

from .texts import tr


class Remedy(StrEnum):
    """What helps; the panel offers it as a button."""

    NONE = "none"
    RETRY = "retry"
    LOWER = "lower quality"
    REPAIR = "repair"
    DRIVER = "driver"
    RUNTIME = "runtime"
    DISK = "disk"
    ANTIVIRUS = "antivirus"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A sentence about what happened, one about what to do, and a word for programs."""

    sentence: str
    action: str
    remedy: Remedy

    def __str__(self) -> str:
        return f"{self.sentence} {self.action}".strip()


_SIGNS: tuple[tuple[str, Diagnosis], ...] = (
    (
        r"driver (on your system|version) is (too old|insufficient)|CUDA driver version is insufficient"
        r"|forward compatibility was attempted",
        Diagnosis(
            "The NVIDIA driver is too old for the installed packages.",
            "Install the newest driver, then generate again.",
            Remedy.DRIVER,
        ),
    ),
    (
        r"no kernel image is available|is not compatible with the current PyTorch",
        Diagnosis(
            "The installed packages do not fit this graphics card.",
            "Click Repair in the add-on preferences; it takes the packages for this card.",
            Remedy.REPAIR,
        ),
    ),
    (
        r"No space left on device|\[Errno 28\]|WinError 112|not enough space on the disk",
        Diagnosis(
            "The disk is full.",
            "Free some space, or choose another data folder in the add-on preferences.",
            Remedy.DISK,
        ),
    ),
    (
        r"DLL load failed|WinError (126|127|1114)\b|vcruntime\d+|msvcp\d+",
        Diagnosis(
            "Windows lacks the Visual C++ runtime.",
            "Install Microsoft's 'Visual C++ Redistributable x64', then generate again.",
            Remedy.RUNTIME,
        ),
    ),
    (
        r"cannot open shared object file|version `GLIBC\S*' not found",
        Diagnosis(
            "A library of the system is missing; the log names it.",
            "Install it, then generate again.",
            Remedy.RUNTIME,
        ),
    ),
    (
        r"WinError (5|32|225)\b|Access is denied|virus or potentially unwanted",
        Diagnosis(
            "Another program holds or blocks a file, most likely the antivirus.",
            "Allow the data folder in its settings, then click Repair in the add-on preferences.",
            Remedy.ANTIVIRUS,
        ),
    ),
    (
        r"OutOfMemoryError|MemoryError|CUDA out of memory|std::bad_alloc|paging file is too small",
        Diagnosis("The backend ran out of memory.", "Try a lower quality.", Remedy.LOWER),
    ),
    (
        r"ModuleNotFoundError|ImportError|No module named|init_fs_encoding|Fatal Python error: init",
        Diagnosis(
            "The backend's Python environment is incomplete ({last}).",
            "Click Repair in the add-on preferences.",
            Remedy.REPAIR,
        ),
    ),
)
"""What the last lines of a log hold, and what that means; the first that fits counts."""

_WINDOWS_CRASHES = {
    0xC0000005: "access violation",
    0xC0000135: "a missing DLL",
    0xC000001D: "illegal instruction",
}


def diagnose(returncode: int | None, tail: list[str]) -> Diagnosis:
    """Why a backend ended, from its exit code and the last lines of its log."""
    text = "\n".join(tail)
    last = tail[-1].strip() if tail else ""
    for pattern, found in _SIGNS:
        if re.search(pattern, text, re.IGNORECASE):
            return Diagnosis(tr(found.sentence, last=last), tr(found.action), found.remedy)
    if returncode is not None and returncode == -getattr(signal, "SIGKILL", 9):
        return Diagnosis(
            tr("The system killed the backend, most likely for want of memory."),
            tr("Try a lower quality."),
            Remedy.LOWER,
        )
    action = tr("Generate again; if that does not help, open the log.")
    return Diagnosis(_crash(returncode, last).strip(), action, Remedy.RETRY)


def _crash(returncode: int | None, last: str) -> str:
    if returncode is not None and returncode < 0:
        return tr("The backend crashed (signal {number}). {last}", number=-returncode, last=last)
    if returncode is not None and (name := _WINDOWS_CRASHES.get(returncode & 0xFFFFFFFF)):
        return tr("The backend crashed ({name}). {last}", name=tr(name), last=last)
    return tr("The backend ended unexpectedly (exit code {code}). {last}", code=returncode, last=last)
