"""Which view encoder stage 2 is trained with: a small one from nothing, or public DINOv2 weights."""

import argparse
from pathlib import Path

from backend.errors import ConfigError
from backend.models.dino import dino_features, load_dino
from backend.models.view_features import DINOV2_BASE_FEATURES, ViewEncoder, ViewFeaturesConfig

STARTER, PAPER = "starter", "paper"


def add_encoder_arguments(parser: argparse.ArgumentParser) -> None:
    """Options about the size of the network and its view encoder."""
    parser.add_argument("--size", choices=(STARTER, PAPER), default=STARTER, help="widths of the network")
    parser.add_argument(
        "--dino", type=Path, metavar="FOLDER", help="public DINOv2 weights (config.json and safetensors)"
    )
    parser.add_argument("--freeze-dino", action="store_true", help="train everything but these weights")
    parser.add_argument(
        "--dino-px",
        type=int,
        default=DINOV2_BASE_FEATURES.image_px,
        metavar="PX",
        help="side that views are resized to for them, a multiple of 14",
    )
    parser.add_argument(
        "--tile", type=int, metavar="PX", help="side of the rendered views; default: what the encoder sees"
    )


def features_from(args: argparse.Namespace, base: ViewFeaturesConfig) -> ViewFeaturesConfig:
    """The view encoder that the options ask for.

    Raises:
        WeightsError, ConfigError: when the weights or the side do not fit.
    """
    if args.dino is None:
        if args.freeze_dino:
            raise ConfigError("There is nothing to freeze; name the public weights with --dino")
        return base
    return dino_features(args.dino, base, image_px=args.dino_px)


def load_encoder(encoder: ViewEncoder, args: argparse.Namespace) -> None:
    """Give the encoder its public weights, where the options name some."""
    if args.dino is not None:
        load_dino(encoder, args.dino, is_frozen=args.freeze_dino)
