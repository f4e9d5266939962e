"""The list of engines says what each needs and why one cannot run here."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from backend import engine_list
from backend.cli import main
from backend.devices import device_name
from backend.engine_list import EngineChoice, engine_choices
from backend.models import registry
from backend.protocol import ENGINE_STAGES, Engine
from tests.backend.engine_weights import add_engine_weights

CPU = torch.device("cpu")
STARTER = "one2345 starter"


@pytest.fixture
def weights(tmp_path, tiny_weights, monkeypatch) -> Path:
    """A bundled set with the networks of both engines."""
    folder = add_engine_weights(tmp_path / "weights" / "starter", tiny_weights)
    monkeypatch.setattr(registry, "STARTER_FOLDER", folder)
    return folder


@pytest.fixture
def measured(tmp_path, monkeypatch) -> Path:
    path = tmp_path / "measured.json"
    path.write_text("{}")
    monkeypatch.setattr(engine_list, "MEASURED", path)
    return path


def choices(root: Path) -> dict[str, EngineChoice]:
    return {f"{choice.engine} {choice.weights}": choice for choice in engine_choices(root, CPU)}


def test_every_engine_is_listed_with_the_weights_that_are_for_it(tmp_path, weights):
    found = choices(tmp_path)
    assert set(found) == {
        "one2345++ starter",
        "one2345++ zero123plus-v1.1",
        "one2345++ zero123plus-v1.2",
        STARTER,
        "one2345 zero123-xl",
    }
    assert found[STARTER].is_available
    assert found[STARTER].reason == ""
    assert found[STARTER].is_free
    assert found[STARTER].download_bytes == 0


def test_what_must_be_downloaded_says_how_large_it_is_and_how_to_get_it(tmp_path, weights):
    found = choices(tmp_path)["one2345++ zero123plus-v1.2"]
    assert not found.is_available
    assert not found.is_free
    assert found.download_bytes == 5_580_000_000
    assert "models download zero123plus-v1.2 --accept-licence" in found.reason


def test_missing_networks_are_the_reason(tmp_path, weights):
    (weights / "neural_sdf.safetensors").unlink()
    found = choices(tmp_path)
    assert "lack neural_sdf for the engine one2345;" in found[STARTER].reason
    assert found["one2345++ starter"].is_available


def test_a_device_with_too_little_memory_is_the_reason(tmp_path, weights, measured, monkeypatch):
    measured.write_text(json.dumps({STARTER: {"memory_mib": {"cpu": 3072}}}))
    monkeypatch.setattr(engine_list, "memory", lambda device: (2**30, 2 * 2**30))
    assert "about 3.0 GiB of memory" in choices(tmp_path)[STARTER].reason
    monkeypatch.setattr(engine_list, "memory", lambda device: (2**30, 4 * 2**30))
    assert choices(tmp_path)[STARTER].is_available


def test_seconds_are_those_of_whole_jobs_on_this_device(tmp_path, weights):
    stages = ENGINE_STAGES[Engine.ONE2345]
    seen = {stage.value: [1.0, 2.0, 9.0] for stage in stages}
    half = {stage.value: [1.0] for stage in stages[:-1]}
    kinds = {"draft one2345 starter": seen, "standard one2345 starter": half, "draft": seen}
    times = {device_name(CPU): kinds, "other": {"high one2345 starter": seen}}
    (tmp_path / "timings.json").write_text(json.dumps(times))
    found = choices(tmp_path)
    assert found[STARTER].seconds == {"draft": 2.0 * len(stages)}
    assert found["one2345++ starter"].seconds == {}


def test_command_lists_them_for_people_and_for_programs(capfd, monkeypatch, tmp_path):
    monkeypatch.setenv("ONE2345_DATA", str(tmp_path))
    assert main(["engines", "--device", "cpu"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 5
    assert all("ready" in line or "not available" in line for line in lines)
    assert main(["engines", "--device", "cpu", "--json"]) == 0
    rows = json.loads(capfd.readouterr().out)
    known = choices(tmp_path)
    assert [f"{row['engine']} {row['weights']}" for row in rows] == list(known)
    assert set(rows[0]) == set(asdict(next(iter(known.values()))))


def test_measured_table_names_choices_that_exist(tmp_path):
    assert set(json.loads(engine_list.MEASURED.read_text())) <= set(choices(tmp_path))
