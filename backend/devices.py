"""Where the networks run, and how much memory is there and was used."""

import contextlib
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from backend.errors import DeviceError, GpuMemoryError
from backend.presets import lower
from backend.protocol import Device, Preset, Stage

_PROC_STATUS = Path("/proc/self/status")
_PROC_CLEAR = Path("/proc/self/clear_refs")
_PROC_MEMINFO = Path("/proc/meminfo")
_RESET_PEAK = "5"


def choose_device(wanted: Device) -> torch.device:
    """The device to run on; `auto` takes the fastest there is.

    Raises:
        DeviceError: when the wanted one is not there.
    """
    present = {
        Device.CUDA: torch.cuda.is_available,
        Device.MPS: torch.backends.mps.is_available,
        Device.CPU: lambda: True,
    }
    if wanted is Device.AUTO:
        return torch.device(next(kind for kind, is_there in present.items() if is_there()))
    if not present[wanted]():
        raise DeviceError(f"This machine has no usable device {wanted}; use --device auto or cpu")
    return torch.device(wanted)


def make_repeatable() -> None:
    """Choose kernels by rule instead of by a stopwatch, so that the same seed gives the same bytes."""
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    # Without it torch takes no matrix product for repeatable; the size is that of its own choice.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


@contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """On a GPU, take the repeatable form of every operation; one that has none raises a RuntimeError."""
    if device.type != "cuda":
        yield
        return
    make_repeatable()
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def device_name(device: torch.device) -> str:
    """The device as a person would call it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return platform.processor() or platform.machine()


def memory(device: torch.device) -> tuple[int, int]:
    """Free and total memory in bytes; zeros where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)
    if device.type == "mps":
        total = torch.mps.recommended_max_memory()
        return max(0, total - torch.mps.driver_allocated_memory()), total
    return _system_memory()


def held_memory(device: torch.device) -> int:
    """Bytes of a graphics card that torch has taken for this process; 0 where nobody counts them."""
    if device.type == "cuda":
        return torch.cuda.memory_reserved(device)
    return torch.mps.driver_allocated_memory() if device.type == "mps" else 0


def free_caches(device: torch.device) -> None:
    """Give memory that torch holds in reserve back to the system."""
    if device.type == "cuda":
        # cuBLAS keeps tens of MiB for every stream, in use until they are cleared.
        torch._C._cuda_clearCublasWorkspaces()
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def reset_peaks(device: torch.device) -> None:
    """Start a new measurement of peak memory."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with contextlib.suppress(OSError):  # Only Linux can; elsewhere the peak is that of the process so far.
        _PROC_CLEAR.write_text(_RESET_PEAK)


def peaks(device: torch.device) -> dict[str, int]:
    """Peak bytes since `reset_peaks`: of the process, and of the graphics card where there is one."""
    found = {"process": _peak_process()}
    if device.type == "cuda":
        found["device"] = torch.cuda.max_memory_allocated(device)
    return found


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    class _MemoryStatus(ctypes.Structure):
        _fields_ = (
            ("dwLength", wintypes.DWORD),
            ("dwMemoryLoad", wintypes.DWORD),
            ("ullTotalPhys", ctypes.c_ulonglong),
            ("ullAvailPhys", ctypes.c_ulonglong),
            ("others", ctypes.c_ulonglong * 5),
        )

    def _system_memory() -> tuple[int, int]:
        status = _MemoryStatus(dwLength=ctypes.sizeof(_MemoryStatus))
        if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
            return 0, 0
        return status.ullAvailPhys, status.ullTotalPhys

else:

    def _system_memory() -> tuple[int, int]:
        values = _kibibytes(_PROC_MEMINFO)
        return values.get("MemAvailable", 0), values.get("MemTotal", 0)


def _peak_process() -> int:
    if peak := _kibibytes(_PROC_STATUS).get("VmHWM"):
        return peak
    if sys.platform == "win32":
        return 0
    import resource

    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def _kibibytes(path: Path) -> dict[str, int]:
    """The lines `Name:  123 kB` of a file of Linux, in bytes; empty elsewhere."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    entries = (line.split() for line in lines if line.endswith(" kB"))
    return {name.rstrip(":"): int(value) * 1024 for name, value, _ in entries}


@contextmanager
def memory_errors(stage: Stage, preset: Preset) -> Iterator[None]:
    """Turn running out of memory into one sentence that names the lower preset.

    Raises:
        GpuMemoryError: in place of what torch and Python raise.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        cheaper = lower(preset)
        advice = f"use the preset {cheaper}" if cheaper else "close other programs or use the device cpu"
        raise GpuMemoryError(f"Memory ran out in the stage {stage}; {advice}") from error


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error of torch, warp or Python says that memory ran out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    return any(words in text for words in ("out of memory", "can't allocate memory", "Failed to allocate"))
