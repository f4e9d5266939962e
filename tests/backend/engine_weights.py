"""Tiny weights of both engines."""

import shutil
from dataclasses import replace
from pathlib import Path

import torch

from backend.models.neural_sdf import NeuralSdf
from backend.models.weights import save_weights
from backend.models.zero123 import Zero123Net
from tests.backend.models.test_neural_sdf import TINY
from tests.backend.stages.novel import ZERO

INSIDE = replace(TINY, near=-1e3)
"""Looks closer everywhere."""


def add_engine_weights(folder: Path, source: Path) -> Path:
    """A copy of tiny weights with the networks of One-2-3-45, whose jobs end in a box."""
    shutil.copytree(source, folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        field = NeuralSdf(INSIDE)
        torch.nn.init.constant_(field.distances.out.bias, -0.02)
        save_weights(field, folder, "neural_sdf", config=INSIDE)
        save_weights(Zero123Net(ZERO), folder, "zero123", config=ZERO)
    return folder
