"""What the stages of one job look at: its folder, its settings, its weights and its cameras."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from backend.artifact_files import read_views
from backend.geometry.cameras import ViewRig
from backend.jobs import Job
from backend.models.cache import NetworkCache
from backend.models.registry import WeightSet
from backend.presets import PRESETS
from backend.protocol import BACKEND_VERSION, Json, Request, Stage
from backend.stages.field_fit import FieldFit
from backend.stages.matte import with_silhouettes
from backend.stages.occupancy import OccupancySampling
from backend.stages.shape import ShapeSampling
from backend.stages.texture import TextureConfig
from backend.stages.views import ViewSampling


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """What a process lends to its jobs."""

    device: torch.device
    networks: NetworkCache
    matting_model: Path | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """A request's settings, complete."""

    views: ViewSampling
    occupancy: OccupancySampling
    shape: ShapeSampling
    faces: int
    texture: TextureConfig

    @classmethod
    def of(cls, request: Request) -> "Settings":
        """The preset's values with the request's own in their place."""
        values = PRESETS[request.preset]
        return cls(
            views=ViewSampling(steps=values.view_steps, guidance=values.guidance),
            occupancy=OccupancySampling(steps=values.occupancy_steps),
            shape=ShapeSampling(steps=values.shape_steps),
            faces=request.faces or values.faces,
            texture=TextureConfig(
                texture_px=request.texture_px or values.texture_px,
                fit=FieldFit(iterations=values.texture_iterations),
                normal_map=values.normal_map if request.normal_map is None else request.normal_map,
            ),
        )


def is_edit(stage: Stage, request: Request) -> bool:
    """Whether a request asks for a change of a stage's artifact in place."""
    return stage is Stage.VIEWS and bool(request.reroll)


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """One job being run: everything that its stages look at."""

    job: Job
    request: Request
    settings: Settings
    weights: WeightSet
    rig: ViewRig
    resources: Resources

    def seed(self, stage: Stage) -> int:
        """The stage's own seed, so that one stage's draws never shift another's."""
        name = f"{self.request.seed}/{stage}"
        if self.is_edit(stage):
            name += f"/{self.request.reroll_seed}"
        digest = hashlib.sha256(name.encode()).digest()
        return int.from_bytes(digest[:4], "big") >> 1

    def is_edit(self, stage: Stage) -> bool:
        """Whether the request asks for a change of what is there instead of a new artifact."""
        return is_edit(stage, self.request)

    @property
    def photo(self) -> Path | None:
        """The cut-out picture that the texture may use; None where there is none or it is not wanted."""
        is_there = self.request.use_photo and self.job.is_whole(Stage.MATTE)
        return self.job.path(Stage.MATTE) if is_there else None

    @property
    def provenance(self) -> dict[str, Json]:
        """What a mesh file says of its making."""
        return {
            "generator": f"One2345 {BACKEND_VERSION}",
            "seed": self.request.seed,
            "preset": self.request.preset.value,
            "weights": self.weights.name,
            "weights_licence": self.weights.licence,
        }

    def views(self) -> Float[Tensor, "v 4 h w"]:
        """The six views of the job; a sheet without transparency gets silhouettes."""
        return with_silhouettes(read_views(self.job.path(Stage.VIEWS)))
