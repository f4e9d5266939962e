"""The model manager: what is fetched, what is refused, and that nothing leaves its folder."""

import hashlib
import json

import pytest

from backend.errors import ConfigError, InstallError, WeightsError
from backend.models.catalogue import CATALOGUE, Model, ModelFile, find_model, read_catalogue
from backend.models.store import (
    damaged_files,
    fetch_model,
    import_model,
    missing_files,
    place_of,
    remove_model,
)
from tests.backend.install.server import FileServer

DATA = {"net/a.bin": b"first" * 1000, "net/b.bin": b"second" * 1000}


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    for name, data in DATA.items():
        (folder / name.replace("/", "-")).write_bytes(data)
    made = FileServer(folder)
    yield made
    made.close()


def make_model(server, *, is_free=True):
    files = tuple(
        ModelFile(
            path=name,
            bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            url=f"{server.url}/files/{name.replace('/', '-')}",
        )
        for name, data in DATA.items()
    )
    texts = {"title": "Net", "purpose": "tests", "licence": "CC-BY-NC-4.0", "source": "here"}
    return Model(name="net", is_free=is_free, files=files, **texts)


def fetch(model, root, **changes):
    given = {"is_accepted": False, "take_member": refuse, "on_bytes": lambda done: None}
    return fetch_model(model, root, **(given | changes))


def refuse(*arguments):
    raise AssertionError(arguments)


def test_a_model_is_fetched_once(server, tmp_path):
    model = make_model(server)
    assert fetch(model, tmp_path) == 2
    served = server.served
    assert fetch(model, tmp_path) == 0
    assert server.served == served
    assert (tmp_path / "models" / "net" / "a.bin").read_bytes() == DATA["net/a.bin"]


def test_a_wrong_byte_is_found_and_that_file_alone_is_fetched_again(server, tmp_path):
    model = make_model(server)
    fetch(model, tmp_path)
    victim = tmp_path / "models" / "net" / "b.bin"
    victim.write_bytes(b"S" + victim.read_bytes()[1:])
    assert missing_files(model, tmp_path) == []
    assert [file.path for file in damaged_files(model, tmp_path)] == ["net/b.bin"]
    server.heal()
    assert fetch(model, tmp_path) == 1
    assert server.served == len(DATA["net/b.bin"])


def test_terms_that_do_not_allow_every_use_must_be_accepted_first(server, tmp_path):
    model = make_model(server, is_free=False)
    with pytest.raises(ConfigError, match="CC-BY-NC"):
        fetch(model, tmp_path)
    assert server.served == 0
    assert fetch(model, tmp_path, is_accepted=True) == 2


def test_a_member_of_a_package_is_checked_like_any_file(tmp_path):
    file = ModelFile(path="a.bin", bytes=1, sha256="0" * 64, lock="models.txt", member="x/a.bin")
    model = Model(name="a", title="A", purpose="", licence="", is_free=True, source="", files=(file,))

    def take(file, target, on_bytes):
        target.parent.mkdir()
        target.write_bytes(b"x")

    with pytest.raises(WeightsError, match="not the file it should be"):
        fetch(model, tmp_path, take_member=take)
    assert not place_of(file, tmp_path).exists()


def test_removing_frees_what_was_there(server, tmp_path):
    model = make_model(server)
    fetch(model, tmp_path)
    assert remove_model(model, tmp_path) == sum(map(len, DATA.values()))
    assert len(missing_files(model, tmp_path)) == 2


def test_a_model_is_taken_over_from_a_folder(server, tmp_path):
    model, folder = make_model(server), tmp_path / "folder"
    folder.mkdir()
    for name, data in DATA.items():
        (folder / name.rpartition("/")[2]).write_bytes(data)
    import_model(model, tmp_path, folder)
    assert damaged_files(model, tmp_path) == []


def test_another_file_of_the_same_name_is_not_taken_over(server, tmp_path):
    model, folder = make_model(server), tmp_path / "folder"
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"other")
    with pytest.raises(WeightsError, match=r"a\.bin"):
        import_model(model, tmp_path, folder)
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "C:\\x", "a\\b", "", "a:b", "..", "a\0b"])
def test_no_file_of_a_model_leaves_its_folder(path):
    with pytest.raises(ValueError, match="may not be called"):
        ModelFile(path=path, bytes=1, sha256="0" * 64, url="http://127.0.0.1/x")


def test_the_table_of_this_version_is_whole():
    models = read_catalogue()
    assert find_model("u2net", models).files[0].bytes == 175_997_641
    with pytest.raises(ConfigError, match="u2net"):
        find_model("none", models)


@pytest.mark.parametrize(
    "change", [{"is_free": "yes"}, {"files": []}, {"files": [{"path": "x"}]}, {"extra": 1}]
)
def test_a_damaged_table_is_one_sentence(change, tmp_path):
    data = json.loads(CATALOGUE.read_text("utf-8"))
    data["u2net"] |= change
    (tmp_path / "c.json").write_text(json.dumps(data))
    with pytest.raises(ConfigError, match="install the extension again"):
        read_catalogue(tmp_path / "c.json")


def test_a_server_that_lies_is_found_out(server, tmp_path):
    server.broken = {"net-a.bin"}
    with pytest.raises(InstallError):
        fetch(make_model(server), tmp_path)
