"""Downloads from a server on this machine that drops, lies and dawdles."""

import hashlib
import random

import pytest

from backend.downloads import download
from backend.errors import Cancelled, InstallError, NetworkError
from tests.backend.install.server import FileServer

DATA = random.Random(1).randbytes(200_000)
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "model.bin").write_bytes(DATA)
    made = FileServer(folder)
    yield made
    made.close()


@pytest.fixture
def fetch(server, tmp_path):
    """Fetches the model; returns its path and the bytes it was told of."""

    def run(**changes: object):
        told = []
        target = tmp_path / "models Ž" / "model.bin"
        given = {"sha256": SHA256, "size": len(DATA), "on_bytes": told.append, "stall_s": 0.3, "pause_s": 0.0}
        download(f"{server.url}/files/model.bin", target, **(given | changes))  # type: ignore[arg-type]
        return target, told

    return run


def test_a_file_arrives_whole(fetch):
    target, told = fetch()
    assert target.read_bytes() == DATA
    assert told == sorted(told)
    assert told[-1] == len(DATA)
    assert [path.name for path in target.parent.iterdir()] == ["model.bin"]


@pytest.mark.parametrize("part", [0.1, 0.4, 0.9])
def test_a_cut_download_goes_on_with_its_next_byte(fetch, server, part):
    server.budget = int(len(DATA) * part)
    with pytest.raises(NetworkError, match=r"goes on|try again"):
        fetch()
    kept = server.served
    server.heal()
    target, _ = fetch()
    assert target.read_bytes() == DATA
    assert server.served <= len(DATA) - kept + 65_536


def test_a_server_without_ranges_starts_anew(fetch, server):
    server.budget = len(DATA) // 2
    with pytest.raises(NetworkError):
        fetch()
    server.heal()
    server.ignores_range = True
    assert fetch()[0].read_bytes() == DATA


def test_a_wrong_byte_is_refused_and_nothing_is_kept(fetch, server, tmp_path):
    server.broken = {"model.bin"}
    with pytest.raises(InstallError, match="not the file it should be"):
        fetch()
    assert not list((tmp_path / "models Ž").iterdir())


def test_a_missing_file_is_not_asked_for_again(fetch, server):
    server.missing = {"model.bin"}
    with pytest.raises(InstallError, match="404"):
        fetch()


def test_a_server_that_stalls_is_left(fetch, server):
    server.pause_s = 2.0
    with pytest.raises(NetworkError):
        fetch(stall_s=0.1)


def test_a_file_larger_than_it_should_be_is_refused(fetch):
    with pytest.raises(InstallError, match="not the file it should be"):
        fetch(size=len(DATA) - 10)


def test_a_cancel_keeps_what_is_there(fetch, tmp_path):
    def stop(done):
        if done > 100_000:
            raise Cancelled

    with pytest.raises(Cancelled):
        fetch(on_bytes=stop)
    assert (tmp_path / "models Ž" / "model.bin.part").stat().st_size > 100_000


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "/etc/passwd", ""])
def test_only_web_addresses_are_fetched(url, tmp_path):
    with pytest.raises(InstallError):
        download(url, tmp_path / "x", sha256=SHA256, size=1, on_bytes=print)
