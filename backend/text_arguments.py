"""The arguments of words in place of a picture: what `generate --prompt` takes."""

import argparse
from dataclasses import replace

from backend.errors import ConfigError
from backend.protocol import Request, TextRequest

DEFAULT_CANDIDATES = 4


def add_prompt(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of words in place of a picture."""
    parser.add_argument("--prompt", metavar="TEXT", help="words in place of a picture")
    parser.add_argument(
        "--candidates", type=int, metavar="N", help=f"pictures to choose from; default: {DEFAULT_CANDIDATES}"
    )
    parser.add_argument("--pick", type=int, metavar="K", help="go on with this candidate")
    parser.add_argument("--text-model", metavar="NAME|ID|FOLDER", help="what draws; `models list` names some")
    parser.add_argument("--text-steps", type=int, metavar="N", help="default: the model's own")
    parser.add_argument("--text-guidance", type=float, metavar="X", help="default: the model's own")


def text_from(arguments: argparse.Namespace, earlier: Request | None) -> TextRequest | None:
    """What the arguments, or a job's earlier request, say of words; None where a picture is named.

    Raises:
        ProtocolError: a value is out of range.
        ConfigError: there are both words and a picture, or options of words without any.
    """
    given = getattr(arguments, "prompt", None)
    if given is not None and arguments.image is not None:
        raise ConfigError("Name a picture or a prompt, not both")
    if getattr(arguments, "image", None) is not None:
        _refuse_choice(arguments)
        return None
    before = earlier.text if earlier else None
    prompt = given if given is not None else before.prompt if before else None
    if prompt is None:
        _refuse_choice(arguments)
        return None
    base = before or TextRequest(prompt=prompt)
    changes = {
        "model": getattr(arguments, "text_model", None),
        "steps": getattr(arguments, "text_steps", None),
        "guidance": getattr(arguments, "text_guidance", None),
    }
    return replace(
        base,
        prompt=prompt,
        candidates=0,
        **{name: value for name, value in changes.items() if value is not None},
    )


def _refuse_choice(arguments: argparse.Namespace) -> None:
    if getattr(arguments, "candidates", None) is not None or getattr(arguments, "pick", None) is not None:
        raise ConfigError("--candidates and --pick go with --prompt, or with --job that has one")


def asks_for_pictures(arguments: argparse.Namespace) -> bool:
    """Whether the command begins with words, or with a choice among what was drawn from them."""
    return any(getattr(arguments, name, None) is not None for name in ("prompt", "candidates", "pick"))
