"""What the engine One-2-3-45 does its own way: 32 views from any cameras, and a field straight from them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from math import degrees
from pathlib import Path

from backend.artifact_files import read_matte, write_shape
from backend.errors import OnStep, WeightsError
from backend.geometry.anchors import NUM_ANCHORS, NUM_NEIGHBOURS
from backend.models.autoencoder import AutoencoderConfig, ViewAutoencoder
from backend.models.image_encoder import ImageEncoder, ImageEncoderConfig
from backend.models.multiview import MultiviewConfig, MultiviewNet
from backend.models.neural_sdf import NeuralSdf, NeuralSdfConfig
from backend.models.registry import Layout, WeightSet
from backend.models.zero123 import Zero123Config, Zero123Net
from backend.models.zero123_published import Zero123Published, read_zero123
from backend.protocol import Engine, Json, Stage
from backend.stages.neural_sdf import reconstruct_shape
from backend.stages.novel_starter import NovelViewNetworks
from backend.stages.novel_views import NovelModel, generate_view_set
from backend.view_sets import SheetCameras, write_cameras, write_sheet
from backend.work import Work


def check_networks(weights: WeightSet, engine: Engine, names: Iterable[str]) -> None:
    """Find out before the work whether a set has these networks of an engine.

    Raises:
        WeightsError: when some are missing.
    """
    missing = [name for name in sorted(set(names)) if not weights.files(name, missing_ok=True)]
    if missing and weights.layout is not Layout.OWN and weights.place(missing[0]) == weights.folder:
        weights.files(missing[0])  # Says how to get them.
    if missing:
        raise WeightsError(
            f"The weights {weights.name} lack {' and '.join(missing)} for the engine {engine}; choose another"
            " engine or other weights, or train them as backend/train/README.md says"
        )


def novel_model(work: Work) -> NovelModel:
    """What draws single views of a job: our own networks, or published ones.

    Raises:
        WeightsError: when networks are missing or do not fit.
    """
    get, folder = work.resources.networks.get, work.weights.folder
    if work.weights.layout is Layout.ZERO123:
        return Zero123Published(read_zero123(folder), work.resources.networks)
    views = get(MultiviewNet, MultiviewConfig, folder, "views")
    if views.volume is None:
        raise WeightsError(
            f"The weights {work.weights.name} have learned no volume that single views are drawn with;"
            " use the weights starter"
        )
    return NovelViewNetworks(
        vae=get(ViewAutoencoder, AutoencoderConfig, folder, "vae"),
        image_encoder=get(ImageEncoder, ImageEncoderConfig, folder, "image_encoder"),
        volume=views.volume,
        net=get(Zero123Net, Zero123Config, folder, "zero123"),
    )


def make_view_set(work: Work, paths: Sequence[Path], on_step: OnStep) -> dict[str, Json]:
    """Draw the 32 views; a row of the sheet holds the neighbours of one anchor."""
    found = generate_view_set(
        read_matte(work.job.path(Stage.MATTE)),
        novel_model(work),
        seed=work.seed(Stage.VIEWS),
        config=work.settings.view_set,
        on_step=on_step,
    )
    layout = SheetCameras(NUM_ANCHORS, NUM_NEIGHBOURS, found.cameras)
    write_sheet(found.views, layout, paths[0])
    write_cameras(layout, work.cameras_path)
    return {"elevation_deg": round(degrees(found.elevation), 2), "matches": found.num_matches}


def view_set_settings(work: Work) -> dict[str, object]:
    """What the 32 views depend on."""
    return asdict(work.settings.view_set)


def make_neural_shape(work: Work, paths: Sequence[Path], on_step: OnStep) -> None:
    """Reconstruct the shape from the views and their cameras."""
    folder = work.weights.place("neural_sdf")
    net = work.resources.networks.get(NeuralSdf, NeuralSdfConfig, folder, "neural_sdf")
    shape = reconstruct_shape(
        work.views(), work.cameras(), net, config=work.settings.neural_sdf, on_step=on_step
    )
    write_shape(shape, paths[0])


def neural_shape_settings(work: Work) -> dict[str, object]:
    """What the shape depends on, beside the views."""
    return asdict(work.settings.neural_sdf) | work.viewpoint()
