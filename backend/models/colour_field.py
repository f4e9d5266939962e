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
from jaxtyping import Float
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
    """

    def __init__(self, config: ColourFieldConfig, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.place = IN_PLACE
        nodes, rank = config.resolution, config.rank

        def noise(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator) * INIT_SCALE)

        self.planes = nn.ParameterList([noise(nodes * nodes, rank) for _ in AXES])
        self.lines = nn.ParameterList([noise(nodes, rank) for _ in AXES])
        self.basis = nn.Linear(len(AXES) * rank, config.features, bias=False)
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
        nodes = self.config.resolution
        total = torch.zeros((), device=self.planes[0].device)
        for plane in self.planes:
            grid = rearrange(plane, "(r c) k -> r c k", r=nodes)
            along = grid[offset::stride]
            across = grid[:, offset::stride]
            total = total + (along[:, 1:] - along[:, :-1]).square().mean()
            total = total + (across[1:] - across[:-1]).square().mean()
        return total

    @torch.no_grad()
    def resampled(self, resolution: int) -> "ColourField":
        """The same field on another number of nodes, interpolated (TensoRF's coarse-to-fine steps)."""
        other = ColourField(replace(self.config, resolution=resolution)).to(self.planes[0].device)
        for name in ("basis", "first", "second", "last"):
            getattr(other, name).load_state_dict(getattr(self, name).state_dict())
        nodes = self.config.resolution
        for old, new in zip(self.planes, other.planes, strict=True):
            grid = rearrange(old, "(r c) k -> 1 k r c", r=nodes)
            grid = F.interpolate(grid, (resolution,) * 2, mode="bilinear", align_corners=True)
            new.copy_(rearrange(grid, "1 k r c -> (r c) k"))
        for old, new in zip(self.lines, other.lines, strict=True):
            line = F.interpolate(
                rearrange(old, "r k -> 1 k r"), resolution, mode="linear", align_corners=True
            )
            new.copy_(rearrange(line, "1 k r -> r k"))
        return other

    def _products(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n k"]:
        nodes = self.config.resolution
        place = ((points + 0.5) * (nodes - 1)).clamp(0, nodes - 1)
        low = place.long().clamp(max=nodes - 2)
        share = place - low
        products = []
        for (a, b, c), plane, line in zip(AXES, self.planes, self.lines, strict=True):
            corners = [(i, j) for i in (0, 1) for j in (0, 1)]
            rows = torch.stack([(low[:, a] + i) * nodes + low[:, b] + j for i, j in corners], dim=1)
            weight = torch.stack([_share(share[:, a], i) * _share(share[:, b], j) for i, j in corners], dim=1)
            on_plane = (F.embedding(rows, plane) * weight[:, :, None]).sum(dim=1)
            ends = torch.stack([low[:, c], low[:, c] + 1], dim=1)
            weight = torch.stack([1 - share[:, c], share[:, c]], dim=1)
            products.append(on_plane * (F.embedding(ends, line) * weight[:, :, None]).sum(dim=1))
        return torch.cat(products, dim=1)

    def _encoded(self, directions: Float[Tensor, "n 3"]) -> Float[Tensor, "n k"]:
        parts = [directions]
        for octave in range(self.config.frequencies):
            angle = directions * (math.pi * 2**octave)
            parts += [torch.sin(angle), torch.cos(angle)]
        return torch.cat(parts, dim=1)


def _share(share: Float[Tensor, " n"], end: int) -> Float[Tensor, " n"]:
    return share if end else 1 - share


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
