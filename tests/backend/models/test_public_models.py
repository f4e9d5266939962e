"""Public weights are fetched only on request, checked, sealed, and taken over from folders."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.cli import main
from backend.errors import ConfigError, InstallError, WeightsError
from backend.models import hub, registry
from backend.models.public_models import PUBLIC_MODELS, public_model, wanted_files
from backend.models.registry import FREE_LICENCES, find_weights, rig_of, verify, weight_sets
from tests.backend.models.public_weights import write_zero123plus

MODEL = next(model for model in PUBLIC_MODELS if model.name == "zero123plus-v1.2")


@dataclass
class Lfs:
    sha256: str


@dataclass
class Sibling:
    rfilename: str
    lfs: Lfs | None


@dataclass
class Info:
    sha: str
    siblings: list[Sibling]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """What lies on the hub, with what must not be fetched."""
    folder = write_zero123plus(tmp_path_factory.mktemp("hub"))
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"pickle")
    (folder / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"twice")
    (folder / "pipeline.py").write_text("raise SystemExit")
    (folder / "README.md").write_text("terms")
    return folder


@pytest.fixture
def the_hub(published, monkeypatch):
    """The hub's two calls, answered from a folder; returns what was asked for."""
    asked = []
    names = [
        path.relative_to(published).as_posix() for path in sorted(published.rglob("*")) if path.is_file()
    ]

    class Api:
        def model_info(self, repo, *, files_metadata):
            def sibling(name):
                data = (published / name).read_bytes()
                is_large = name.endswith((".safetensors", ".bin"))
                return Sibling(name, Lfs(hashlib.sha256(data).hexdigest()) if is_large else None)

            assert files_metadata
            return Info("c0ffee", [sibling(name) for name in names])

    def snapshot_download(repo, *, revision, local_dir, allow_patterns):
        asked.append((repo, revision))
        for name in allow_patterns:
            (Path(local_dir) / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(published / name, Path(local_dir) / name)

    monkeypatch.setattr(hub, "HfApi", Api)
    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
    return asked


def test_terms_come_before_the_first_byte(the_hub, tmp_path):
    with pytest.raises(ConfigError, match=r"CC-BY-NC-4\.0.*--accept-licence"):
        hub.fetch_public_model(MODEL, tmp_path, is_accepted=False)
    assert the_hub == []
    assert not MODEL.is_present(tmp_path)


def test_what_was_fetched_is_found_by_name_and_well(the_hub, tmp_path):
    folder = hub.fetch_public_model(MODEL, tmp_path, is_accepted=True)
    assert the_hub == [("sudo-ai/zero123plus-v1.2", "c0ffee")]
    weights = find_weights("zero123plus-v1.2", tmp_path)
    assert weights.folder == folder
    assert weights.is_present
    assert verify(folder) == []
    assert not find_weights("zero123plus-v1.1", tmp_path).is_present


def test_no_code_no_pickle_and_no_tensor_twice_is_fetched(the_hub, tmp_path):
    folder = hub.fetch_public_model(MODEL, tmp_path, is_accepted=True)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert not {name for name in found if name.endswith((".py", ".bin", ".fp16.safetensors"))}
    assert {"model_index.json", "README.md", "unet/diffusion_pytorch_model.safetensors"} <= found


def test_a_damaged_file_is_no_download(the_hub, published, tmp_path, monkeypatch):
    plain = hub.snapshot_download

    def damaged(repo, *, local_dir, **given):
        plain(repo, local_dir=local_dir, **given)
        file = Path(local_dir) / "vae" / "diffusion_pytorch_model.safetensors"
        file.write_bytes(file.read_bytes()[:-1] + b"!")

    monkeypatch.setattr(hub, "snapshot_download", damaged)
    with pytest.raises(InstallError, match=r"vae/.*came damaged; run the download again"):
        hub.fetch_public_model(MODEL, tmp_path, is_accepted=True)
    assert not MODEL.is_present(tmp_path)
    monkeypatch.setattr(hub, "snapshot_download", plain)
    hub.fetch_public_model(MODEL, tmp_path, is_accepted=True)


def test_a_changed_file_is_found_later(the_hub, tmp_path):
    folder = hub.fetch_public_model(MODEL, tmp_path, is_accepted=True)
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    assert verify(folder) == [
        "unet/diffusion_pytorch_model.safetensors is not the file it should be; restore it"
    ]


def test_sealed_files_are_not_read_for_every_job(the_hub, tmp_path, monkeypatch):
    """Checksums of gigabytes come from the seal, unless a file is younger than it."""
    folder = hub.fetch_public_model(MODEL, tmp_path, is_accepted=True)
    weights = find_weights("zero123plus-v1.2", tmp_path)
    read = []
    plain = registry.checksum
    monkeypatch.setattr(registry, "checksum", lambda files: read.extend(files) or plain(files))
    before = weights.checksums(("vae", "image_encoder", "views"))
    assert {file.suffix for file in read} == {".json"}
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    after = weights.checksums(("vae", "image_encoder", "views"))
    assert file in read
    assert [name for name in before if before[name] != after[name]] == ["views"]


def test_weights_are_taken_over_from_a_folder(published, tmp_path, monkeypatch):
    monkeypatch.setenv("ONE2345_DATA", str(tmp_path))
    assert main(["models", "import", "zero123plus-v1.1", str(published)]) == 0
    weights = find_weights("zero123plus-v1.1", tmp_path)
    assert weights.is_present
    assert not (weights.folder / "pipeline.py").exists()
    assert main(["models", "verify", "zero123plus-v1.1"]) == 0
    assert main(["models", "remove", "zero123plus-v1.1"]) == 0
    assert not weights.is_present


def test_a_folder_of_pickles_is_not_taken_over(tmp_path):
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(WeightsError, match=r"pytorch_model\.bin is a pickle"):
        hub.import_public_model(MODEL, tmp_path, tmp_path / "from")
    assert not MODEL.is_present(tmp_path)


def test_every_set_by_name_says_its_terms_and_where_it_is_fetched():
    for weights in weight_sets():
        model = public_model(weights.name)
        assert (model is None) == (weights.name == "starter")
        if model:
            assert model.licence == weights.licence
            assert model.is_free == (model.licence in FREE_LICENCES)
        for _, place in weights.controls:
            assert public_model(place.name) is not None


def test_rigs_of_the_two_versions_are_their_own():
    sets = {item.name: rig_of(item) for item in weight_sets()}
    one, two = sets["zero123plus-v1.1"], sets["zero123plus-v1.2"]
    assert one.elevations_deg == (30, -20) * 3
    assert two.elevations_deg == (20, -10) * 3
    assert (round(one.fov_deg, 3), two.fov_deg) == (49.134, 30)
    assert one.follows_picture
    assert not two.follows_picture
    assert one.tile_px == two.tile_px == 320


def test_each_tensor_is_wanted_once():
    names = ["a.safetensors", "a.fp16.safetensors", "a.bin", "x/config.json", "x/vocab.txt", "run.py"]
    assert wanted_files(names) == ["x/config.json", "x/vocab.txt", "a.safetensors"]


def test_names_are_unlike_those_of_other_models():
    names = [model.name for model in PUBLIC_MODELS]
    assert len(set(names)) == len(names)
    assert all("/" not in name for name in names)
