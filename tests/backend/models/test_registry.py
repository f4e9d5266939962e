"""Sets of weights are found, described and checked."""

import pytest

from backend.errors import ConfigError, WeightsError
from backend.geometry.cameras import RIGS, STARTER_RIG, ZERO123PLUS_V12_RIG
from backend.models.multiview import MultiviewConfig
from backend.models.registry import (
    find_weights,
    matting_model_path,
    rig_by_name,
    rig_of,
    verify,
    weight_sets,
    write_checksums,
)
from backend.models.weights import save_weights


def test_starter_set_is_known_with_its_licence():
    (starter,) = [item for item in weight_sets() if item.name == "starter"]
    assert starter.licence == "Apache-2.0"
    assert find_weights("starter") == starter


def test_users_folder_is_a_set(tmp_path):
    assert find_weights(str(tmp_path)).folder == tmp_path


def test_unknown_set_is_refused():
    with pytest.raises(WeightsError, match="starter"):
        find_weights("no-such-set")


def test_rig_comes_from_the_view_networks_configuration(tmp_path):
    config = MultiviewConfig(rig=ZERO123PLUS_V12_RIG)
    save_weights({}, tmp_path, "views", config=config)
    assert rig_of(find_weights(str(tmp_path))) == ZERO123PLUS_V12_RIG


def test_set_without_view_network_has_the_starter_rig(tmp_path):
    assert rig_of(find_weights(str(tmp_path))) == STARTER_RIG


def test_damaged_view_network_is_refused(tmp_path):
    (tmp_path / "views.safetensors").write_bytes(b"0" * 100)
    with pytest.raises(WeightsError, match=r"views\.safetensors is damaged"):
        rig_of(find_weights(str(tmp_path)))


def test_rig_is_found_by_name():
    assert all(rig_by_name(name) == rig for name, rig in RIGS.items())
    with pytest.raises(ConfigError, match="starter"):
        rig_by_name("none")


def test_sealed_set_is_well(tmp_path):
    (tmp_path / "vae.safetensors").write_bytes(b"weights")
    write_checksums(tmp_path)
    assert verify(tmp_path) == []


def test_changed_missing_and_added_files_are_found(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.safetensors").write_bytes(b"weights")
    write_checksums(tmp_path)
    (tmp_path / "a.safetensors").write_bytes(b"weightz")
    (tmp_path / "b.safetensors").unlink()
    (tmp_path / "c.safetensors").touch()
    assert [problem[0] for problem in verify(tmp_path)] == ["b", "a", "c"]


def test_pages_beside_the_weights_may_change(tmp_path):
    (tmp_path / "vae.safetensors").write_bytes(b"weights")
    write_checksums(tmp_path)
    (tmp_path / "MODEL_CARD.md").write_text("new")
    assert verify(tmp_path) == []


def test_set_without_checksums_is_not_well(tmp_path):
    assert "SHA256SUMS" in verify(tmp_path)[0]


def test_matting_network_is_looked_for_in_the_data_root_first(tmp_path):
    path = tmp_path / "models" / "u2net.onnx"
    path.parent.mkdir()
    path.touch()
    assert matting_model_path(tmp_path) == path
