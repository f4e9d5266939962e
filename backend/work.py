"""What the stages of one job look at: its folder, its settings, its weights and its cameras."""

import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from backend.artifact_files import read_views
from backend.diffusion.views import ViewSampling
from backend.geometry.cameras import Cameras, ViewRig
from backend.geometry.rig_size import fitted
from backend.geometry.unwrap_process import UnwrapProcesses
from backend.jobs import Job
from backend.models.cache import NetworkCache
from backend.models.registry import ENGINE_NETWORKS, Layout, WeightSet
from backend.presets import PRESETS, PresetValues
from backend.protocol import BACKEND_VERSION, CAMERAS_FILE, ENGINE_STAGES, Engine, Json, Request, Stage
from backend.stages.field_fit import FieldFit
from backend.stages.matte import with_silhouettes
from backend.stages.neural_sdf import NeuralSdfSampling
from backend.stages.novel_views import PUBLISHED_SAMPLING, NovelSampling, ViewSetSampling
from backend.stages.occupancy import OccupancySampling
from backend.stages.shape import ShapeSampling
from backend.stages.texture import TextureConfig
from backend.storage import sha256_of
from backend.view_sets import read_cameras, read_sheet


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """What a process lends to its jobs.

    Attributes:
        root: The data root, where downloaded weights lie; without it only bundled ones are found.
        unwrap: Processes that unwrap meshes, one of them ready.
    """

    device: torch.device
    networks: NetworkCache
    matting_model: Path | None
    root: Path | None = None
    unwrap: UnwrapProcesses = field(default_factory=UnwrapProcesses)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """A request's settings, complete."""

    views: ViewSampling
    occupancy: OccupancySampling
    shape: ShapeSampling
    view_set: ViewSetSampling
    neural_sdf: NeuralSdfSampling
    faces: int
    texture: TextureConfig

    @classmethod
    def of(cls, request: Request, weights: WeightSet) -> "Settings":
        """The preset's values, with the weights' and the request's own in their place."""
        values = PRESETS[request.preset]
        return cls(
            views=ViewSampling(
                steps=max(values.view_steps, weights.min_view_steps),
                guidance=weights.guidance or values.guidance,
            ),
            occupancy=OccupancySampling(steps=values.occupancy_steps),
            shape=ShapeSampling(steps=values.shape_steps),
            view_set=_view_set_sampling(values, weights),
            neural_sdf=NeuralSdfSampling(resolution=values.sdf_resolution),
            faces=request.faces or values.faces,
            texture=TextureConfig(
                texture_px=request.texture_px or values.texture_px,
                fit=FieldFit(iterations=values.texture_iterations),
                normal_map=values.normal_map if request.normal_map is None else request.normal_map,
            ),
        )


def _view_set_sampling(values: PresetValues, weights: WeightSet) -> ViewSetSampling:
    """The preset's steps; published weights keep their authors' settings."""
    if weights.layout is Layout.ZERO123:
        return PUBLISHED_SAMPLING
    return ViewSetSampling(
        anchors=NovelSampling(steps=values.anchor_steps),
        neighbours=NovelSampling(steps=values.neighbour_steps),
    )


def derived_seed(name: str) -> int:
    """A seed that depends on nothing but a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") >> 1


def _checksums(weights: WeightSet, engine: Engine) -> dict[str, Json]:
    """SHA-256 of the networks of a set that are there."""
    names = tuple(name for name in ENGINE_NETWORKS[engine] if weights.files(name, missing_ok=True))
    return dict(weights.checksums(names))


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
        more = f"/{self.request.reroll_seed}" if self.is_edit(stage) else ""
        return derived_seed(f"{self.request.seed}/{stage}{more}")

    def is_edit(self, stage: Stage) -> bool:
        """Whether the request asks for a change of what is there instead of a new artifact."""
        return is_edit(stage, self.request)

    @property
    def photo(self) -> Path | None:
        """The cut-out picture that the texture may use; None where there is none or it is not wanted."""
        is_there = self.request.use_photo and self.job.is_whole(Stage.MATTE)
        return self.job.path(Stage.MATTE) if is_there else None

    def provenance(self, stage: Stage) -> dict[str, Json]:
        """What the mesh file of a stage says of its making; the same whatever later stages are asked for."""
        settings = self._shape_settings() | {"faces": self.settings.faces}
        if stage is Stage.TEXTURE:
            settings["texture_px"] = self.settings.texture.texture_px
            settings["fit_iterations"] = self.settings.texture.fit.iterations
        return {
            "generator": f"One2345 {BACKEND_VERSION}",
            "generated": True,
            "seed": self.request.seed,
            "seeds": {
                item.value: derived_seed(f"{self.request.seed}/{item}")
                for item in (Stage.VIEWS, Stage.OCCUPANCY, Stage.SHAPE, stage)
                if item in ENGINE_STAGES[self.request.engine]
            },
            "engine": self.request.engine.value,
            "preset": self.request.preset.value,
            "settings": settings,
            "weights": self.weights.name,
            "weights_licence": self.weights.licence,
            "weights_sha256": _checksums(self.weights, self.request.engine),
        }

    def _shape_settings(self) -> dict[str, Json]:
        """The settings that the shape follows from."""
        settings = self.settings
        if self.request.engine is Engine.ONE2345:
            return {
                "anchor_steps": settings.view_set.anchors.steps,
                "neighbour_steps": settings.view_set.neighbours.steps,
                "guidance": settings.view_set.anchors.guidance,
                "resolution": settings.neural_sdf.resolution,
            }
        return {
            "view_steps": settings.views.steps,
            "guidance": settings.views.guidance,
            "occupancy_steps": settings.occupancy.steps,
            "shape_steps": settings.shape.steps,
        }

    @property
    def cameras_path(self) -> Path:
        """Where One-2-3-45 keeps the cameras of its views."""
        return self.job.folder / CAMERAS_FILE

    def viewpoint(self) -> dict[str, object]:
        """What stands for the cameras of the views in a record.

        Raises:
            ArtifactError: when the file of cameras is missing or damaged.
        """
        if self.request.engine is Engine.ONE2345:
            read_cameras(self.cameras_path)
            return {"cameras": sha256_of(self.cameras_path)}
        return {"rig": asdict(self.rig)}

    def cameras(self) -> Cameras:
        """The cameras of the job's views.

        Raises:
            ArtifactError: when the file of cameras is missing or damaged.
        """
        if self.request.engine is Engine.ONE2345:
            return read_cameras(self.cameras_path).cameras
        return self.fitted_rig().cameras()

    def fitted_rig(self) -> ViewRig:
        """The rig, at the distance from which the job's views are taken."""
        return fitted(self.rig, self.views()) if self.rig.follows_picture else self.rig

    def views(self) -> Float[Tensor, "v 4 h w"]:
        """The views of the job; a sheet without transparency gets silhouettes."""
        path = self.job.path(Stage.VIEWS)
        if self.request.engine is Engine.ONE2345:
            return with_silhouettes(read_sheet(path, read_cameras(self.cameras_path)))
        return with_silhouettes(read_views(path))
