"""Weights, artifacts and jobs are data: nothing in them is run or leads out of their folder."""

import os
import pickle
import zipfile

import numpy as np
import pytest

from backend.artifact_files import read_occupancy, read_shape
from backend.errors import ArtifactError, WeightsError
from backend.jobs import RECORD_FILE, Job
from backend.models.autoencoder import AutoencoderConfig, ViewAutoencoder
from backend.models.colour_field import load_field
from backend.models.registry import SUMS_FILE, verify
from backend.models.weights import load_network
from backend.protocol import Stage


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.fixture
def bomb(tmp_path):
    """A pickle, and the folder that must not appear."""
    target = tmp_path / "exploded"
    yield pickle.dumps(Bomb(target))
    assert not target.exists()


def test_a_pickle_is_no_weights(bomb, tmp_path):
    (tmp_path / "vae.safetensors").write_bytes(bomb)
    with pytest.raises(WeightsError, match="damaged"):
        load_network(ViewAutoencoder, AutoencoderConfig, tmp_path, "vae")


def test_a_pickle_is_no_colour_field(bomb, tmp_path):
    (tmp_path / "field.safetensors").write_bytes(bomb)
    with pytest.raises(ArtifactError):
        load_field(tmp_path / "field.safetensors")


@pytest.mark.parametrize("read", [read_occupancy, read_shape])
def test_objects_in_an_array_are_refused(read, bomb, tmp_path):
    path = tmp_path / "a.npz"
    names = ("occupied", "coords", "sdf", "rgb", "resolution", "truncation")
    np.savez(path, **{name: np.array([Bomb(tmp_path / "exploded")], dtype=object) for name in names})
    with pytest.raises(ArtifactError):
        read(path)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(f"{name}.npy", bomb)
    with pytest.raises(ArtifactError):
        read(path)


def test_a_record_that_names_other_files_touches_none(tmp_path):
    outside = tmp_path / "precious.txt"
    outside.write_text("mine")
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "matte.png").write_bytes(b"x")
    entry = '{"matte": {"files": {"../precious.txt": "0"}, "made_from": null}}'
    (folder / RECORD_FILE).write_text(entry)
    job = Job(folder)
    job.is_given(Stage.MATTE)
    job.forget(Stage)
    assert outside.read_text() == "mine"


def test_checksums_of_files_elsewhere_are_a_problem_and_not_a_way_out(tmp_path):
    (tmp_path / "secret").write_text("x")
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / SUMS_FILE).write_text(f"{0:064d}  ../secret\n{0:064d}  /etc/passwd\n")
    assert all("missing" in problem for problem in verify(folder))
