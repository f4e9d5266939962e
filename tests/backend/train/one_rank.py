"""Run by `test_ranks.py`, once a process: trains a line in FOLDER with the other processes."""

import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from backend.train.loop import TrainConfig, train
from backend.train.ranks import join, leave


@dataclass(frozen=True, kw_only=True, slots=True)
class LineConfig:
    """Configuration of `Line`."""

    width: int = 2


class Line(nn.Module):
    """A linear map that starts from `seed`."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.config = LineConfig()
        self.linear = nn.Linear(2, 1)


class LineTask:
    """Recover y = 3 a - 2 b from the samples of one or several seeds."""

    def __init__(self, seeds: tuple[int, ...]) -> None:
        self.seeds = seeds
        self.networks: dict[str, nn.Module] = {"line": Line(seeds[0])}
        self.batch_size = 16

    def loss(self, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean over the seeds' own batches."""
        return torch.stack([self._loss(100 * step + seed) for seed in self.seeds]).mean(), {}

    def _loss(self, seed: int) -> Tensor:
        x = torch.randn(16, 2, generator=torch.Generator().manual_seed(seed))
        target = x @ torch.tensor([[3.0], [-2.0]])
        return (self.networks["line"].get_submodule("linear")(x) - target).square().mean()

    def validate(self, networks: dict[str, nn.Module]) -> dict[str, float]:
        """Nothing to judge."""
        return {"judged": 1.0}

    def sheet(self, networks: dict[str, nn.Module]) -> Image.Image:
        """Nothing is drawn."""
        return Image.new("RGB", (1, 1))


def run(seeds: tuple[int, ...], out: Path) -> dict[str, float]:
    """Train five steps."""
    config = TrainConfig(steps=5, learning_rate=0.1, warmup_steps=1, cooldown=0.0)
    return train(LineTask(seeds), config=config, out=out, device=torch.device("cpu"))


if __name__ == "__main__":
    ranks = join()
    scores = run((ranks.seed(0),), Path(sys.argv[1]))
    sys.exit(leave(0 if bool(scores) == ranks.is_first else 1))
