"""Training from the command line: `python -m backend.train COMMAND`."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from types import MappingProxyType

from backend.errors import One2345Error
from backend.train import neural_sdf, occupancy, pack, shape, sheet, vae, views, zero123
from backend.train.ranks import join, leave

log = logging.getLogger("backend.train")

Command = tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int]]

COMMANDS: MappingProxyType[str, Command] = MappingProxyType(
    {
        "pack": ("collect a folder of GLB files into one file", pack.add_arguments, pack.run),
        "sheet": ("draw what the networks are fed", sheet.add_arguments, sheet.run),
        "vae": ("train the autoencoder of view tiles", vae.add_arguments, vae.run),
        "views": ("train the six-view diffusion", views.add_arguments, views.run),
        "occupancy": ("train the diffusion of the coarse shell", occupancy.add_arguments, occupancy.run),
        "shape": ("train the diffusion of distance and colour", shape.add_arguments, shape.run),
        "zero123": ("train the view-conditioned diffusion", zero123.add_arguments, zero123.run),
        "neural-sdf": (
            "train the reconstruction of One-2-3-45 from 32 views",
            neural_sdf.add_arguments,
            neural_sdf.run,
        ),
    }
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m backend.train", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (summary, add_arguments, _) in COMMANDS.items():
        add_arguments(commands.add_parser(name, help=summary, description=summary))
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    if "minutes" in args:
        ranks = join()
        args.seed, args.device = ranks.seed(args.seed), ranks.device(args.device)
    try:
        code = COMMANDS[args.command][2](args)
    except One2345Error as error:
        log.error("%s", error)  # noqa: TRY400 - one sentence for a person, no traceback
        return 1
    return leave(code)


if __name__ == "__main__":
    sys.exit(main())
