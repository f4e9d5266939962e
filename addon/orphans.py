"""Child processes end with Blender, also when Blender is killed.

On Linux the child asks for that itself (backend/orphans.py) and everywhere it ends when its stdin does.
On Windows a Job Object does it for the child and for whatever the child starts.
"""

import logging
import os
import signal
import subprocess
import sys

log = logging.getLogger(__name__)


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _KILL_ON_JOB_CLOSE = 0x2000
    _EXTENDED_LIMITS = 9

    class _BasicLimits(ctypes.Structure):
        _fields_ = (
            ("PerProcessUserTimeLimit", wintypes.LARGE_INTEGER),
            ("PerJobUserTimeLimit", wintypes.LARGE_INTEGER),
            ("LimitFlags", wintypes.DWORD),
            ("MinimumWorkingSetSize", ctypes.c_size_t),
            ("MaximumWorkingSetSize", ctypes.c_size_t),
            ("ActiveProcessLimit", wintypes.DWORD),
            ("Affinity", ctypes.c_size_t),
            ("PriorityClass", wintypes.DWORD),
            ("SchedulingClass", wintypes.DWORD),
        )

    class _ExtendedLimits(ctypes.Structure):
        _fields_ = (
            ("BasicLimitInformation", _BasicLimits),
            ("IoInfo", ctypes.c_ulonglong * 6),
            ("ProcessMemoryLimit", ctypes.c_size_t),
            ("JobMemoryLimit", ctypes.c_size_t),
            ("PeakProcessMemoryUsed", ctypes.c_size_t),
            ("PeakJobMemoryUsed", ctypes.c_size_t),
        )

    _jobs: dict[int, wintypes.HANDLE] = {}
    """A job object for each child, by process id: the last handle that closes kills what is in the job."""

    def tie(process: subprocess.Popen[bytes]) -> None:
        """Put a child into a job of its own that dies with Blender; one that cannot be, is only told of."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateJobObjectW.restype = wintypes.HANDLE
        job = wintypes.HANDLE(kernel.CreateJobObjectW(None, None))
        limits = _ExtendedLimits()
        limits.BasicLimitInformation.LimitFlags = _KILL_ON_JOB_CLOSE
        is_set = job and kernel.SetInformationJobObject(
            job, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)
        )
        handle = wintypes.HANDLE(int(process._handle))  # no public name for it
        if not is_set or not kernel.AssignProcessToJobObject(job, handle):
            log.warning("the child is in no job object: %s", ctypes.WinError(ctypes.get_last_error()))
            return
        _jobs[process.pid] = job

    def kill_tree(process: subprocess.Popen[bytes]) -> None:
        """Kill a child and whatever it started."""
        job = _jobs.pop(process.pid, None)
        if job is not None:
            ctypes.windll.kernel32.TerminateJobObject(job, 1)
            ctypes.windll.kernel32.CloseHandle(job)
        process.kill()

    def let_go(process: subprocess.Popen[bytes]) -> None:
        """Close what is held for a child that has ended."""
        job = _jobs.pop(process.pid, None)
        if job is not None:
            ctypes.windll.kernel32.CloseHandle(job)

else:

    def tie(process: subprocess.Popen[bytes]) -> None:
        """Nothing to do here; see above."""

    def kill_tree(process: subprocess.Popen[bytes]) -> None:
        """Kill a child and whatever it started: it leads a session, and so a group, of its own."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # macOS says the latter of a group that has ended
            process.kill()

    def let_go(process: subprocess.Popen[bytes]) -> None:
        """End what a child that has ended left running in its group."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return
