"""The training loop that all networks share: budget, optimiser, EMA, log, checkpoints, export.

A `Task` says what is trained and how it is judged; the loop decides nothing about data or losses. All
random state comes from (seed, step), so a resumed run matches an uninterrupted one.
"""

import argparse
import copy
import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from backend.errors import ConfigError, WeightsError
from backend.models.weights import load_state, read_weights, save_weights
from backend.train.ranks import Ranks, current

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.safetensors"


@runtime_checkable
class Task(Protocol):
    """What one training command trains.

    Attributes:
        networks: The networks trained together, by the name of their weights file. Each has a `config`.
        batch_size: Samples a step, for the record of samples seen.
    """

    networks: dict[str, nn.Module]
    batch_size: int

    def loss(self, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Draw the batch of `step` and return its loss and metrics as tensors (no synchronisation)."""
        ...

    def validate(self, networks: dict[str, nn.Module]) -> dict[str, float]:
        """Scores of `networks` (EMA copies in eval mode) on the validation split."""
        ...

    def sheet(self, networks: dict[str, nn.Module]) -> Image.Image:
        """A picture of what `networks` make of a few validation samples."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """Budget and optimiser.

    Attributes:
        minutes: Wall-clock budget; ignored when `steps` is given.
        steps: Budget in steps, for runs that must be repeatable.
        cooldown: Share of the budget, at its end, over which the learning rate falls to zero.
    """

    minutes: float = 10.0
    steps: int | None = None
    learning_rate: float = 5e-4
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.99)
    warmup_steps: int = 200
    cooldown: float = 0.3
    grad_clip: float = 1.0
    ema_decay: float = 0.999
    log_every: int = 50
    validate_minutes: float = 3.0

    def __post_init__(self) -> None:
        if self.minutes <= 0 or self.learning_rate <= 0 or not 0 <= self.ema_decay < 1:
            raise ConfigError(f"need minutes > 0, learning rate > 0 and 0 <= EMA decay < 1, got {self}")


@dataclass(frozen=True, slots=True)
class _Budget:
    """How much of the run is over, by steps where they are counted, else by the clock."""

    config: TrainConfig
    started: float

    def share(self, step: int) -> float:
        if self.config.steps is not None:
            return step / self.config.steps
        return (time.monotonic() - self.started) / (60 * self.config.minutes)

    def learning_rate(self, step: int, share: float) -> float:
        warm = min(1.0, (step + 1) / max(1, self.config.warmup_steps))
        left = max(0.0, 1 - share)
        return self.config.learning_rate * warm * min(1.0, left / max(self.config.cooldown, 1e-9))


class _State:
    """Networks, their EMA copies and the optimiser: everything that a checkpoint holds."""

    def __init__(self, task: Task, config: TrainConfig, device: torch.device) -> None:
        self.task = task
        self.config = config
        self.step = 0
        self.ema = {
            name: copy.deepcopy(net).eval().requires_grad_(False) for name, net in task.networks.items()
        }
        self.params = [p for net in task.networks.values() for p in net.parameters() if p.requires_grad]
        decayed = [p for p in self.params if p.dim() >= 2]
        others = [p for p in self.params if p.dim() < 2]
        groups = [{"params": decayed}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(
            [group for group in groups if group["params"]],
            lr=config.learning_rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
            fused=device.type == "cuda",
        )

    @torch.no_grad()
    def update_ema(self) -> None:
        """Move the EMA copies towards the networks; early steps count more, so noise is forgotten."""
        decay = min(self.config.ema_decay, (1 + self.step) / (10 + self.step))
        for name, net in self.task.networks.items():
            ours: list[Tensor] = list(self.ema[name].parameters())
            torch._foreach_lerp_(ours, [p.detach() for p in net.parameters()], 1 - decay)
            for own, new in zip(self.ema[name].buffers(), net.buffers(), strict=True):
                own.copy_(new)

    def save(self, path: Path) -> None:
        """Write everything needed to go on as if never interrupted."""
        tensors: dict[str, Tensor] = {}
        for name, net in self.task.networks.items():
            tensors.update({f"net/{name}/{key}": value for key, value in net.state_dict().items()})
            tensors.update({f"ema/{name}/{key}": value for key, value in self.ema[name].state_dict().items()})
        for index, param in enumerate(self.params):
            for key, value in self.optimizer.state.get(param, {}).items():
                tensors[f"adam/{index}/{key}"] = value
        tensors = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
        part = path.with_suffix(".part")
        save_file(tensors, part, metadata={"step": str(self.step)})
        part.rename(path)

    def load(self, path: Path) -> None:
        """Restore what `save` wrote."""
        with safe_open(path, framework="pt") as handle:
            self.step = int(handle.metadata()["step"])
            tensors = {key: handle.get_tensor(key) for key in handle.keys()}  # noqa: SIM118
        for name in self.task.networks:
            for kind, net in (("net", self.task.networks[name]), ("ema", self.ema[name])):
                prefix = f"{kind}/{name}/"
                own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
                load_state(net, own, name=name)
        for index, param in enumerate(self.params):
            prefix = f"adam/{index}/"
            found = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            # AdamW keeps its step count on the CPU unless fused; moments lie beside the parameter.
            self.optimizer.state[param] = {k: v.to(param.device) for k, v in found.items()}


def load_last(networks: dict[str, nn.Module], folder: Path) -> None:
    """Start `networks` from the exported weights in `folder`.

    Raises:
        WeightsError: when a file is missing or a tensor does not fit.
    """
    for name, net in networks.items():
        load_state(net, read_weights(folder, name)[1], name=name)


def train(task: Task, *, config: TrainConfig, out: Path, device: torch.device) -> dict[str, float]:
    """Train until the budget is used up; resumes from a checkpoint that lies in `out`.

    Writes into `out`: `log.jsonl`, and at every validation `checkpoint.safetensors`, the EMA weights,
    `scores.json` and `sheet.png`, so that a machine taken away costs minutes, not the run. A step whose
    loss is not finite is skipped and counted.

    With several processes (`ranks`) the first one keeps the time, judges and writes.

    Returns:
        The last validation scores, with steps, samples and seconds; nothing in other processes.
    """
    out.mkdir(parents=True, exist_ok=True)
    ranks = current()
    ranks.share_start(task.networks.values())
    state = _State(task, config, device)
    if (out / CHECKPOINT).exists():
        state.load(out / CHECKPOINT)
        log.info("resumed at step %d", state.step)
    budget = _Budget(config, time.monotonic())
    recorder = _Recorder(out / "log.jsonl", task.batch_size * ranks.count, budget.started)
    next_validation = config.validate_minutes
    scores: dict[str, float] = {}
    while (share := ranks.agree(budget.share(state.step))) < 1:
        learning_rate = budget.learning_rate(state.step, share)
        metrics = _step(state, learning_rate, device, ranks)
        if not ranks.is_first:
            continue
        recorder.add(state.step, metrics)
        if state.step % config.log_every == 0:
            recorder.flush(state.step, learning_rate)
        if (time.monotonic() - budget.started) / 60 > next_validation:
            next_validation += config.validate_minutes
            _judge_and_export(state, recorder, out)
    if ranks.is_first:
        scores = _judge_and_export(state, recorder, out)
    return scores


def _step(state: _State, learning_rate: float, device: torch.device, ranks: Ranks) -> dict[str, Tensor]:
    for net in state.task.networks.values():
        net.train()
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
        loss, metrics = state.task.loss(state.step)
    loss.backward()
    ranks.average_gradients(state.params)
    norm = torch.nn.utils.clip_grad_norm_(state.params, state.config.grad_clip)
    finite = torch.isfinite(norm)
    for param in state.params:
        if param.grad is not None:
            # Multiplying by zero would keep NaN; this also leaves the hot loop free of synchronisation.
            torch.where(finite, param.grad, torch.zeros_like(param.grad), out=param.grad)
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate
    state.optimizer.step()
    state.optimizer.zero_grad(set_to_none=True)
    state.step += 1
    state.update_ema()
    return {"loss": loss.detach(), "grad_norm": norm.detach(), **metrics}


def _judge_and_export(state: _State, recorder: "_Recorder", out: Path) -> dict[str, float]:
    scores = _validate(state)
    scores |= {
        "steps": state.step,
        "samples": state.step * recorder.batch_size,
        "seconds": round(time.monotonic() - recorder.started, 1),
        "skipped": recorder.skipped,
    }
    recorder.write({"step": state.step, "validation": scores})
    _export(state, out, scores)
    return scores


@torch.no_grad()
def _validate(state: _State) -> dict[str, float]:
    scores = state.task.validate(state.ema)
    log.info("step %d validation %s", state.step, json.dumps(scores))
    return dict(scores)


def _export(state: _State, out: Path, scores: dict[str, float]) -> None:
    for name, net in state.ema.items():
        save_weights(net, out, name, config=net.config)
    (out / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    state.save(out / CHECKPOINT)
    with torch.no_grad():
        state.task.sheet(state.ema).save(out / "sheet.png")


class _Recorder:
    """Means of the metrics since the last line, written as JSON lines."""

    def __init__(self, path: Path, batch_size: int, started: float) -> None:
        self.path = path
        self.batch_size = batch_size
        self.started = started
        self.skipped = 0
        self._sums: dict[str, list[Tensor]] = {}
        self._last = (time.monotonic(), 0)

    def add(self, step: int, metrics: dict[str, Tensor]) -> None:
        if not self._sums:
            self._last = (time.monotonic(), step - 1)
        for name, value in metrics.items():
            self._sums.setdefault(name, []).append(value.detach())

    def flush(self, step: int, learning_rate: float) -> None:
        line: dict[str, object] = {"step": step, "seconds": round(time.monotonic() - self.started, 1)}
        for name, values in self._sums.items():
            stacked = torch.stack([value.float() for value in values])
            good = stacked[torch.isfinite(stacked)]
            line[name] = float(good.mean()) if len(good) else None
            if name == "grad_norm":
                self.skipped += len(stacked) - len(good)
        since, first = self._last
        line["samples_per_s"] = round((step - first) * self.batch_size / (time.monotonic() - since), 1)
        line["lr"] = learning_rate
        self._sums = {}
        self.write(line)

    def write(self, line: dict[str, object]) -> None:
        text = json.dumps(line)
        log.info("%s", text)
        with self.path.open("a") as file:
            file.write(text + "\n")


def add_train_arguments(parser: argparse.ArgumentParser, *, learning_rate: float, batch_size: int) -> None:
    """Options that every training command has."""
    parser.add_argument("--pack", type=Path, required=True, help="data file made by `pack`")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder for weights, scores and log")
    parser.add_argument("--from", dest="start", type=Path, help="folder of weights to start from")
    parser.add_argument("--minutes", type=float, default=10.0, help="wall-clock budget")
    parser.add_argument("--steps", type=int, help="budget in steps instead of minutes")
    parser.add_argument("--batch", type=int, default=batch_size, help="samples a step")
    parser.add_argument("--lr", type=float, default=learning_rate, help="peak learning rate")
    parser.add_argument("--warmup", type=int, default=200, help="steps of rising learning rate")
    parser.add_argument("--ema", type=float, default=0.999, help="decay of the averaged weights")
    parser.add_argument("--validate-minutes", type=float, default=3.0, help="time between validations")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")


def train_from_arguments(task: Task, args: argparse.Namespace) -> int:
    """Run `train` as the options say; returns the exit code of the command."""
    config = TrainConfig(
        minutes=args.minutes,
        steps=args.steps,
        learning_rate=args.lr,
        warmup_steps=args.warmup,
        ema_decay=args.ema,
        validate_minutes=args.validate_minutes,
    )
    if args.start is not None and not (args.out / CHECKPOINT).exists():
        try:
            load_last(task.networks, args.start)
        except WeightsError as error:
            log.error("%s", error)  # noqa: TRY400 - one sentence for a person, no traceback
            return 4
    train(task, config=config, out=args.out, device=torch.device(args.device))
    return 0
