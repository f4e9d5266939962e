"""Each way to die has one sentence and one action."""

import pytest

from tests.addon.extension import diagnosis

Remedy = diagnosis.Remedy


@pytest.mark.parametrize(
    ("returncode", "last", "remedy", "words"),
    [
        (1, "ModuleNotFoundError: No module named 'torch'", Remedy.REPAIR, "incomplete"),
        (1, "torch.OutOfMemoryError: CUDA out of memory", Remedy.LOWER, "out of memory"),
        (1, "The NVIDIA driver on your system is too old (found version 11040)", Remedy.DRIVER, "driver"),
        (1, "CUDA error: no kernel image is available for execution", Remedy.REPAIR, "do not fit"),
        (1, "OSError: [WinError 126] The specified module could not be found", Remedy.RUNTIME, "Visual C++"),
        (1, "ImportError: libcuda.so.1: cannot open shared object file", Remedy.RUNTIME, "library"),
        (1, "OSError: [Errno 28] No space left on device", Remedy.DISK, "disk is full"),
        (1, "PermissionError: [WinError 5] Access is denied", Remedy.ANTIVIRUS, "antivirus"),
        (-9, "", Remedy.LOWER, "want of memory"),
        (-11, "last", Remedy.RETRY, "signal 11"),
        (0xC0000005, "", Remedy.RETRY, "access violation"),
        (2, "usage", Remedy.RETRY, "exit code 2"),
        (None, "", Remedy.RETRY, "unexpectedly"),
    ],
)
def test_each_death_has_its_sentence_and_its_remedy(returncode, last, remedy, words):
    found = diagnosis.diagnose(returncode, [last] if last else [])
    assert found.remedy is remedy
    assert words in str(found)
    assert found.action.endswith(".")


def test_braces_in_a_log_do_no_harm():
    assert "{x}" in str(diagnosis.diagnose(1, ["ImportError: {x} {0}"]))
