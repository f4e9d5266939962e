"""The model that draws a job's views: our own networks, or published ones."""

from pathlib import Path

from backend.artifact_files import read_views
from backend.errors import ConfigError
from backend.models.autoencoder import AutoencoderConfig, ViewAutoencoder
from backend.models.control import Control
from backend.models.image_encoder import ImageEncoder, ImageEncoderConfig
from backend.models.multiview import MultiviewConfig, MultiviewNet
from backend.models.registry import Layout, rig_of
from backend.models.zero123plus import Zero123Plus
from backend.models.zero123plus_weights import read_zero123plus
from backend.stages.canvas import ViewModel
from backend.stages.views import ViewNetworks, resized
from backend.work import Work

DEPTH_SCALE, NORMALS_SCALE = 0.75, 1.0
"""Weights of the ControlNets in the authors' examples."""
PROMPTS = Path("cache") / "prompts"
"""Where embeddings of prompts lie in a data root."""


def view_model(work: Work) -> ViewModel:
    """What draws the six views of a job, steered by its depth where it has one.

    Raises:
        WeightsError: when networks are missing or do not fit.
        ConfigError: when these weights take no depth.
    """
    depth = work.request.depth
    if depth is None:
        return _model(work, None)
    return _model(work, _control(work, "depth", Path(depth), DEPTH_SCALE))


def normals_model(work: Work, views: Path) -> ViewModel:
    """What draws the normals of a sheet of views.

    Raises:
        WeightsError, ConfigError: as `view_model`.
    """
    return _model(work, _control(work, "normals", views, NORMALS_SCALE))


def _control(work: Work, purpose: str, sheet: Path, scale: float) -> Control:
    folder = work.weights.control(purpose)
    return Control(folder=folder, sheet=resized(read_views(sheet), rig_of(work.weights).tile_px), scale=scale)


def _model(work: Work, control: Control | None) -> ViewModel:
    networks, folder, root = work.resources.networks, work.weights.folder, work.resources.root
    if work.weights.layout is Layout.ZERO123PLUS:
        return Zero123Plus(
            read_zero123plus(folder),
            networks,
            rig=rig_of(work.weights),
            prompts=None if root is None else root / PROMPTS,
            control=control,
        )
    if control is not None:
        raise ConfigError(f"The weights {work.weights.name} cannot be steered; use zero123plus-v1.1")
    return ViewNetworks(
        vae=networks.get(ViewAutoencoder, AutoencoderConfig, folder, "vae"),
        image_encoder=networks.get(ImageEncoder, ImageEncoderConfig, folder, "image_encoder"),
        views=networks.get(MultiviewNet, MultiviewConfig, folder, "views"),
    )
