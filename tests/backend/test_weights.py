"""Weights go to disk and back: nearly unchanged, strict in names and shapes, and never half-written."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import nn

from backend.errors import ConfigError, WeightsError
from backend.models import weights


@dataclass(frozen=True, kw_only=True, slots=True)
class Inner:
    """A nested part of a configuration."""

    widths: tuple[int, ...] = (3, 5)


@dataclass(frozen=True, kw_only=True, slots=True)
class NetConfig:
    """Configuration of the network below."""

    width: int = 96
    inner: Inner = field(default_factory=Inner)


class Net(nn.Module):
    """One matrix that is stored in 8 bits and one vector that is not."""

    def __init__(self, config: NetConfig) -> None:
        super().__init__()
        self.config = config
        self.linear = nn.Linear(config.width, 64)


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net(NetConfig(inner=Inner(widths=(7,))))


def test_round_trip_keeps_config_and_values_to_eight_bits(net: Net, tmp_path: Path):
    """Rounding to 127 steps moves a value by at most half a step of its row's largest."""
    weights.save_weights(net, tmp_path, "net", config=net.config)
    back = weights.load_network(Net, NetConfig, tmp_path, "net")
    assert back.config == net.config
    limit = net.linear.weight.abs().amax(1, keepdim=True) / 127 / 2 + 1e-6
    assert ((back.linear.weight - net.linear.weight).abs() <= limit).all()
    assert torch.equal(back.linear.bias, net.linear.bias.half().float())


def test_large_networks_are_split_into_shards(net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    weights.save_weights(net, tmp_path, "net", config=net.config)
    monkeypatch.setattr(weights, "MAX_SHARD_BYTES", 1024)
    files = weights.save_weights(net, tmp_path, "net", config=net.config, quantized=False)
    assert len(files) == 2
    assert sorted(tmp_path.iterdir()) == files
    back = weights.load_network(Net, NetConfig, tmp_path, "net")
    assert torch.equal(back.linear.weight, net.linear.weight.half().float())
    files[0].unlink()
    with pytest.raises(WeightsError, match="no complete file"):
        weights.load_network(Net, NetConfig, tmp_path, "net")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s: {**s, "extra": torch.zeros(1)}, "unknown tensor extra"),
        (lambda s: {k: v for k, v in s.items() if k != "linear.bias"}, "lack tensor linear.bias"),
        (lambda s: {**s, "linear.bias": torch.zeros(3)}, "tensor linear.bias has shape"),
    ],
)
def test_wrong_tensors_are_named(net: Net, tmp_path: Path, change, sentence: str):
    weights.save_weights(change(net.state_dict()), tmp_path, "net", config=net.config)
    with pytest.raises(WeightsError, match=sentence):
        weights.load_network(Net, NetConfig, tmp_path, "net")


def test_damaged_file_is_named(net: Net, tmp_path: Path):
    (file,) = weights.save_weights(net, tmp_path, "net", config=net.config)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(WeightsError, match=r"net\.safetensors is damaged"):
        weights.load_network(Net, NetConfig, tmp_path, "net")


def test_unknown_settings_are_refused():
    with pytest.raises(ConfigError, match="no setting colour"):
        weights.config_from_dict(NetConfig, {"colour": 1})
