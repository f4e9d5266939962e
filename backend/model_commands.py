"""`models list`, `download`, `verify`, `remove`, `import`, `seal`: sets of weights, and models to fetch."""

import argparse
import json
import os
import sys
from typing import Protocol, runtime_checkable

from backend.arguments import EXIT_CHECK
from backend.install.model_actions import TITLES, Action, run_action
from backend.install.reporter import PlainReporter
from backend.models.catalogue import read_catalogue
from backend.models.public_models import PUBLIC_MODELS, PublicModel, public_model
from backend.models.registry import WeightSet, find_weights, verify, weight_sets, write_checksums
from backend.models.store import missing_files
from backend.models.text_models import TEXT_MODELS, is_present, place_of, repo_of
from backend.protocol import Json
from backend.storage import data_root, remove_tree, writing_errors


def manage_models(arguments: argparse.Namespace) -> int:
    """Run one action of `models`; returns the exit code.

    Raises:
        One2345Error: with one sentence that says what to do.
    """
    match arguments.action:
        case "list":
            return _list(as_json=arguments.json)
        case "seal":
            folder = find_weights(arguments.set, data_root(os.environ)).folder
            with writing_errors(folder):
                sys.stdout.write(f"{write_checksums(folder)}\n")
            return 0
        case "download" | "remove" | "import" if model := public_model(arguments.model):
            return _act_on_public_model(model, arguments)
        case "download" | "remove" if _is_text_model(arguments.model):
            return _act_on_text_model(arguments)
        case "verify" if arguments.set not in read_catalogue():
            return _verify_weights(arguments.set)
        case _:
            return _act(arguments)


def _verify_weights(name: str) -> int:
    root = data_root(os.environ)
    model = public_model(name)
    problems = verify(model.place(root) if model else find_weights(name, root).folder)
    for problem in problems:
        sys.stderr.write(f"error: {problem}\n")
    if not problems:
        sys.stdout.write(f"{name}: all files are as they should be\n")
    return EXIT_CHECK if problems else 0


def _act_on_public_model(model: PublicModel, arguments: argparse.Namespace) -> int:
    root = data_root(os.environ)
    if arguments.action == "remove":
        remove_tree(model.place(root))
        sys.stdout.write(f"{model.title} removed\n")
        return 0
    from backend.models import hub  # Heavy, and no other command needs it.

    if arguments.action == "import":
        folder = hub.import_public_model(model, root, arguments.folder)
    else:
        sys.stderr.write(f"{model.title}: {model.licence}; {model.source}\n")
        folder = hub.fetch_public_model(model, root, is_accepted=arguments.accept_licence)
    sys.stdout.write(f"{model.title} is in {folder}\n")
    return 0


def _is_text_model(name: str) -> bool:
    return name not in read_catalogue() and bool(repo_of(name))


def _act_on_text_model(arguments: argparse.Namespace) -> int:
    root = data_root(os.environ)
    if arguments.action == "remove":
        remove_tree(place_of(arguments.model, root))
        sys.stdout.write(f"{arguments.model} removed\n")
        return 0
    from backend.models.hub import fetch_text_model  # Heavy, and no other command needs it.

    folder = fetch_text_model(arguments.model, root, is_accepted=arguments.accept_licence)
    sys.stdout.write(f"{arguments.model} is in {folder}\n")
    return 0


def _act(arguments: argparse.Namespace) -> int:
    name = arguments.set if arguments.action == "verify" else arguments.model
    action = Action(
        name=arguments.action,
        model=name,
        root=data_root(os.environ),
        folder=getattr(arguments, "folder", None),
        is_accepted=getattr(arguments, "accept_licence", False),
    )
    done = run_action(action, PlainReporter(sys.stderr, [TITLES[arguments.action]]))
    sys.stdout.write(f"{done.text}\n")
    return 0


def _list(*, as_json: bool) -> int:
    root = data_root(os.environ)
    rows = [_weights_row(item) for item in weight_sets(root) if public_model(item.name) is None]
    rows += [
        _model_row(model, f"{model.purpose}; {model.source}", is_present=model.is_present(root))
        for model in PUBLIC_MODELS
    ]
    rows += [
        _model_row(model, f"{model.purpose}; {model.source}", is_present=not missing_files(model, root))
        for model in read_catalogue().values()
    ]
    rows += [
        _model_row(model, f"Draws pictures from words; {model.repo}", is_present=is_present(model.name, root))
        for model in TEXT_MODELS
    ]
    if as_json:
        sys.stdout.write(json.dumps(rows) + "\n")
        return 0
    for row in rows:
        size_mib = int(str(row["bytes"])) / 2**20
        size = f"{size_mib:7.1f} MiB" if size_mib else "size unknown"
        state = "" if row["present"] else "  (not downloaded)"
        terms = "" if row["free"] else ", not for every use"
        sys.stdout.write(f"{row['name']:<24} {size:>12}  {row['licence']}{terms}  {row['source']}{state}\n")
    return 0


def _weights_row(item: WeightSet) -> dict[str, Json]:
    size = sum(path.stat().st_size for path in item.folder.glob("*.safetensors"))
    return {
        "name": item.name,
        "bytes": size,
        "licence": item.licence,
        "source": item.source,
        "free": True,
        "present": size > 0,
    }


@runtime_checkable
class _Listed(Protocol):
    """A model that can be downloaded, of whichever list."""

    @property
    def name(self) -> str: ...
    @property
    def bytes(self) -> int: ...
    @property
    def licence(self) -> str: ...
    @property
    def is_free(self) -> bool: ...


def _model_row(model: _Listed, source: str, *, is_present: bool) -> dict[str, Json]:
    return {
        "name": model.name,
        "bytes": model.bytes,
        "licence": model.licence,
        "source": source,
        "free": model.is_free,
        "present": is_present,
    }
