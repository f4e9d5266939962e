"""TensoRF's colour field (vector-matrix decomposition) without its density: geometry is a mesh here.

Chen et al. 2022 (arXiv 2203.09517), eq. 3 and 8: a point's values on three planes times those on three
lines, then a linear basis, then a small network that also sees the view direction.
"""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int, Shaped
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from backend.errors import ArtifactError, ConfigError, WeightsError
from backend.geometry.placement import IN_PLACE, Placement
from backend.models.weights import config_from_dict, config_to_json, load_state
from backend.storage import writing_errors

AXES = ((0, 1, 2), (0, 2, 1), (1, 2, 0))
"""For each pair of plane and line: the plane's two axes and the line's one."""

INIT_SCALE = 0.1
"""Standard deviation of planes and lines at the start (TensoRF's code)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ColourFieldConfig:
    """Size of a colour field: nodes along a side, products an axis, features and units of the network."""

    resolution: int = 256
    rank: int = 16
    features: int = 27
    hidden: int = 64
    frequencies: int = 2

    def __post_init__(self) -> None:
        if min(self.resolution, self.rank, self.features, self.hidden) < 2 or self.frequencies < 0:
            raise ConfigError(f"a colour field needs sizes of 2 and more, got {self}")


class ColourField(nn.Module):
    """sRGB colour of points in generation space seen from a direction.

    Attributes:
        place: Leads from the frame of the mesh that the field was fitted on to generation space.
        planes, lines: Their nodes, row by row, for each pair of plane and line.
    """

    _corners: Int[Tensor, "4"]
    _axis: Int[Tensor, "3"]

    def __init__(self, config: ColourFieldConfig, *, generator: torch.Generator | None = None) -> None:
        """Start from noise; without a generator from zeros, to be filled with values from elsewhere."""
        super().__init__()
        self.config = config
        self.place = IN_PLACE
        nodes, rank, axes = config.resolution, config.rank, len(AXES)

        def noise(*shape: int) -> nn.Parameter:
            if generator is None:
                return nn.Parameter(torch.zeros(*shape))
            return nn.Parameter(torch.randn(*shape, generator=generator) * INIT_SCALE)

        # The three of them in one tensor: a step on a GPU takes as long as it has operations.
        self.planes = noise(axes, nodes * nodes, rank)
        self.lines = noise(axes, nodes, rank)
        self.register_buffer("_corners", torch.tensor([0, 1, nodes, nodes + 1]), persistent=False)
        self.register_buffer("_axis", torch.arange(axes), persistent=False)
        self.basis = nn.Linear(axes * rank, config.features, bias=False)
        seen = config.features + 3 * (1 + 2 * config.frequencies)
        self.first = nn.Linear(seen, config.hidden)
        self.second = nn.Linear(config.hidden, config.hidden)
        self.last = nn.Linear(config.hidden, 3)
        for layer in (self.basis, self.first, self.second, self.last):
            _reset(layer, generator)

    def forward(self, points: Float[Tensor, "n 3"], directions: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """Colours in [0, 1] at points in [-0.5, 0.5]^3; unit directions point from the surface to the eye."""
        features = self.basis(self._products(points))
        hidden = F.relu(self.first(torch.cat([features, self._encoded(directions)], dim=1)))
        return torch.sigmoid(self.last(F.relu(self.second(hidden))))

    def roughness(self, stride: int, offset: int) -> Float[Tensor, ""]:
        """Mean squared step between neighbouring nodes of the planes, on every `stride`-th row and column."""
        grid = rearrange(self.planes, "a (r c) k -> a r c k", r=self.config.resolution)
        along = grid[:, offset::stride]
        across = grid[:, :, offset::stride]
        steps = (along[:, :, 1:] - along[:, :, :-1]), (across[:, 1:] - across[:, :-1])
        return len(AXES) * (steps[0].square().mean() + steps[1].square().mean())

    @torch.no_grad()
    def resampled(self, resolution: int) -> "ColourField":
        """The same field on another number of nodes, interpolated (TensoRF's coarse-to-fine steps)."""
        other = ColourField(replace(self.config, resolution=resolution)).to(self.planes.device)
        for name in ("basis", "first", "second", "last"):
            getattr(other, name).load_state_dict(getattr(self, name).state_dict())
        grid = rearrange(self.planes, "a (r c) k -> a k r c", r=self.config.resolution)
        grid = F.interpolate(grid, (resolution,) * 2, mode="bilinear", align_corners=True)
        other.planes.copy_(rearrange(grid, "a k r c -> a (r c) k"))
        line = rearrange(self.lines, "a r k -> a k r")
        line = F.interpolate(line, resolution, mode="linear", align_corners=True)
        other.lines.copy_(rearrange(line, "a k r -> a r k"))
        return other

    def _products(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n k"]:
        nodes = self.config.resolution
        place = ((points + 0.5) * (nodes - 1)).clamp(0, nodes - 1)
        low = place.long().clamp(max=nodes - 2)
        (row, column, along), shares = _by_axes(low), _by_axes(place - low)
        # Corners in the order of `_corners`: the last of the plane's axes runs first.
        down, right, ahead = (torch.stack([1 - share, share], dim=2) for share in shares)
        corner = (row * nodes + column + self._axis * nodes**2)[:, :, None] + self._corners
        weight = (down[:, :, :, None] * right[:, :, None]).flatten(2)
        end = (along + self._axis * nodes)[:, :, None] + self._corners[:2]
        on_plane, on_line = _weighed(self.planes, corner, weight), _weighed(self.lines, end, ahead)
        return (on_plane * on_line).flatten(1)

    def _encoded(self, directions: Float[Tensor, "n 3"]) -> Float[Tensor, "n k"]:
        parts = [directions]
        for octave in range(self.config.frequencies):
            angle = directions * (math.pi * 2**octave)
            parts += [torch.sin(angle), torch.cos(angle)]
        return torch.cat(parts, dim=1)


def _weighed(
    nodes: Float[Tensor, "a r k"], rows: Int[Tensor, "n a c"], weights: Float[Tensor, "n a c"]
) -> Float[Tensor, "n a k"]:
    """Weighted sums over `c` rows of the nodes of all axes, without a copy of each row."""
    summed = F.embedding_bag(
        rows.flatten(0, 1), nodes.flatten(0, 1), mode="sum", per_sample_weights=weights.flatten(0, 1)
    )
    return summed.reshape(*rows.shape[:2], nodes.shape[2])


def _by_axes(values: Shaped[Tensor, "n 3"]) -> tuple[Tensor, Tensor, Tensor]:
    """Values along the first and second axis of the three planes and along the lines', as in `AXES`."""
    rows, columns, lines = zip(*AXES, strict=True)
    parts = values.unbind(1)
    row, column, along = (torch.stack([parts[i] for i in axes], dim=1) for axes in (rows, columns, lines))
    return row, column, along


def _reset(layer: nn.Linear, generator: torch.Generator | None) -> None:
    """Torch's own bounds, drawn from `generator`."""
    bound = 1 / math.sqrt(layer.in_features)
    with torch.no_grad():
        for values in layer.parameters():
            values.copy_((torch.rand(values.shape, generator=generator) * 2 - 1) * bound)


def save_field(field: ColourField, path: Path) -> None:
    """Write a field as safetensors in half precision, its configuration and place in the metadata.

    Raises:
        StorageError: the file cannot be written.
    """
    state = {key: value.detach().cpu().half().contiguous() for key, value in field.state_dict().items()}
    place = {"centre": field.place.centre.tolist(), "scale": field.place.scale}
    # One key: safetensors writes several in an order that changes from run to run.
    entry = json.dumps(json.loads(config_to_json(field.config)) | {"place": place})
    data = save(state, metadata={"config": entry})
    with writing_errors(path):
        path.write_bytes(data)


def load_field(path: Path) -> ColourField:
    """Read what `save_field` wrote.

    Raises:
        ArtifactError: the file is missing, damaged or of another layout.
    """
    try:
        with safe_open(path, framework="pt") as handle:
            entry = json.loads(handle.metadata()["config"])
            place = _place(entry.pop("place")) if "place" in entry else IN_PLACE
            config = config_from_dict(ColourFieldConfig, entry)
            state = {key: cast("Tensor", handle.get_tensor(key)).float() for key in handle.keys()}  # noqa: SIM118
        field = ColourField(config)
        load_state(field, state, name="colour field")
        field.place = place
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, ConfigError, WeightsError) as error:
        raise ArtifactError(
            f"The colour field {path.name} cannot be read ({error}); make the texture anew"
        ) from error
    return field


def _place(entry: dict[str, object]) -> Placement:
    centre, scale = np.asarray(entry["centre"], np.float64), np.float64(str(entry["scale"]))
    if centre.shape != (3,) or not np.isfinite(centre).all() or not 0 < scale < np.inf:
        raise ValueError(f"a place of {entry}")
    return Placement(centre, float(scale))
