"""The training loop learns, resumes exactly and survives a bad step."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from backend.models.weights import load_network
from backend.train.loop import CHECKPOINT, TrainConfig, train


@dataclass(frozen=True, kw_only=True, slots=True)
class LineConfig:
    """Configuration of `Line`."""

    width: int = 2


class Line(nn.Module):
    """A linear map."""

    def __init__(self, config: LineConfig) -> None:
        super().__init__()
        self.config = config
        self.linear = nn.Linear(config.width, 1)


class LineTask:
    """Recover y = 3 a - 2 b; step `poisoned` has an infinite target."""

    def __init__(self, poisoned: int = -1) -> None:
        torch.manual_seed(0)
        self.line = Line(LineConfig())
        self.networks: dict[str, nn.Module] = {"line": self.line}
        self.batch_size = 16
        self.poisoned = poisoned

    def loss(self, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        x = torch.randn(16, 2, generator=torch.Generator().manual_seed(step))
        target = x @ torch.tensor([[3.0], [-2.0]])
        if step == self.poisoned:
            target = target + float("inf")
        loss = (self.line.linear(x) - target).square().mean()
        return loss, {"mse": loss.detach()}

    def validate(self, networks: dict[str, nn.Module]) -> dict[str, float]:
        wrong = networks["line"].state_dict()["linear.weight"] - torch.tensor([[3.0, -2.0]])
        return {"error": float(wrong.abs().max())}

    def sheet(self, networks: dict[str, nn.Module]) -> Image.Image:
        return Image.new("RGB", (1, 1))


def _train(out: Path, task: LineTask, steps: int, *, cooldown: float = 0.3) -> dict[str, float]:
    config = TrainConfig(
        steps=steps, learning_rate=0.1, warmup_steps=1, weight_decay=0.0, ema_decay=0.9, cooldown=cooldown
    )
    return train(task, config=config, out=out, device=torch.device("cpu"))


def test_loop_learns_and_leaves_weights_scores_and_sheet(tmp_path: Path):
    scores = _train(tmp_path, LineTask(), 300)
    assert scores["error"] < 0.02
    assert scores["samples"] == 300 * 16
    assert json.loads((tmp_path / "scores.json").read_text()) == scores
    assert load_network(Line, LineConfig, tmp_path, "line").linear.weight[0, 0] == pytest.approx(3, abs=0.05)
    assert (tmp_path / "sheet.png").exists()


def test_resumed_run_equals_uninterrupted_run(tmp_path: Path):
    whole, halves = LineTask(), LineTask()
    _train(tmp_path / "whole", whole, 40, cooldown=0.0)
    _train(tmp_path / "halves", halves, 20, cooldown=0.0)
    resumed = LineTask()
    _train(tmp_path / "halves", resumed, 40, cooldown=0.0)
    assert torch.equal(whole.line.linear.weight, resumed.line.linear.weight)
    assert (tmp_path / "halves" / CHECKPOINT).read_bytes() == (tmp_path / "whole" / CHECKPOINT).read_bytes()


def test_step_with_infinite_loss_changes_no_weight_to_nan_and_is_counted(tmp_path: Path):
    scores = _train(tmp_path, LineTask(poisoned=7), 300)
    assert scores["error"] < 0.05
    assert scores["skipped"] == 1


def test_every_validation_leaves_usable_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A run that ends without warning loses what came after its last validation, nothing more."""
    task = LineTask()
    validations = []

    def validate(networks: dict[str, nn.Module]) -> dict[str, float]:
        validations.append(1)
        if len(validations) == 2:
            raise KeyboardInterrupt
        return {"error": 0.0}

    monkeypatch.setattr(task, "validate", validate)
    config = TrainConfig(steps=100, warmup_steps=1, validate_minutes=1e-9)
    with pytest.raises(KeyboardInterrupt):
        train(task, config=config, out=tmp_path, device=torch.device("cpu"))
    load_network(Line, LineConfig, tmp_path, "line")
    assert json.loads((tmp_path / "scores.json").read_text())["steps"] == 1
