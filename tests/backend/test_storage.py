"""Files are whole or not there, and what cannot be written is said in one sentence."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backend.errors import StorageError
from backend.storage import check_writable, data_root, write_whole


def test_full_disk_leaves_the_older_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_whole(path, b"old")

    def full(self, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="disk is full"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("unshare") is None, reason="needs Linux")
def test_really_full_disk_is_said_in_one_sentence(tmp_path):
    """A tmpfs of 64 kB in a mount namespace of its own."""
    script = (
        "from pathlib import Path\n"
        "from backend.errors import StorageError\n"
        "from backend.storage import write_whole\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "try:\n"
        "    write_whole(folder / 'a', b'0' * 1_000_000)\n"
        "except StorageError as error:\n"
        "    print(error, sorted(folder.iterdir()))\n"
    )
    mount = f'mount -t tmpfs -o size=64k tmpfs {tmp_path} || exit 77; exec {sys.executable} -c "$0"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, script], capture_output=True, text=True, check=False
    )
    if done.returncode in (1, 77) and "ermitted" in done.stderr:
        pytest.skip("mounting is not permitted here")
    assert done.stdout.startswith("The disk is full"), done.stderr
    assert done.stdout.strip().endswith("[]")


def test_missing_folder_is_found_before_the_work(tmp_path):
    with pytest.raises(StorageError, match="no folder"):
        check_writable(tmp_path / "none" / "a.glb")


def test_folder_is_no_output_file(tmp_path):
    with pytest.raises(StorageError, match="is a folder"):
        check_writable(tmp_path)


def test_checking_a_place_leaves_nothing(tmp_path):
    check_writable(tmp_path / "a.glb")
    assert list(tmp_path.iterdir()) == []


def test_refused_place_is_found_before_the_work(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(StorageError, match="cannot be written"):
        check_writable(tmp_path / "a.glb")


def test_data_root_is_what_the_environment_says():
    assert data_root({"ONE2345_DATA": "/data/x"}) == Path("/data/x")
