"""What is wrong with an installation, found out without changing it."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

from backend.downloads import is_sha256
from backend.errors import InstallError, One2345Error, WeightsError
from backend.install.options import Options
from backend.install.records import damaged_in_environment
from backend.install.reporter import Reporter
from backend.install.testing import check_imports
from backend.installation import ENVIRONMENTS, Damaged, Installed, State, lock_digests, read_state
from backend.models.catalogue import Model, read_catalogue
from backend.models.store import FOLDER, SUMS_FILE, damaged_files, place_of, read_sums

log = logging.getLogger(__name__)

OLD, IMPORTS, MODELS = "Checking what is there", "Loading the packages", "Checking the models"
TITLES = (OLD, IMPORTS, MODELS)

_BUNDLED = Path("backend") / "weights"


def verify(options: Options, reporter: Reporter) -> Installed | Damaged:
    """Compare packages and models with their checksums and load the packages; nothing is changed.

    Raises:
        Cancelled: as asked for.
    """
    start = time.monotonic()
    state = read_state(options.root)
    faults: list[One2345Error] = []
    if state is None:
        faults.append(InstallError(f"Nothing is installed in {options.root}; click Install"))
    else:
        faults += _environment_faults(state, options, reporter)
    faults += _model_faults(options, reporter)
    for fault in faults:
        log.warning("%s", fault)
    if faults:
        return Damaged(problems=tuple(map(str, faults)))
    return Installed(text="Everything is as it should be", seconds=round(time.monotonic() - start, 1))


def _environment_faults(state: State, options: Options, reporter: Reporter) -> list[One2345Error]:
    reporter.begin(OLD)
    if not state.is_whole(options.root):
        return [InstallError("The environment is gone or was never finished; click Repair")]
    faults: list[One2345Error] = []
    if lock_digests(options.requirements, state.locks) != state.locks:
        faults.append(InstallError("The packages are those of another version of One2345; click Update"))
    names = damaged_in_environment(
        options.root / ENVIRONMENTS / state.environment,
        lambda done, total: reporter.advance(done, total=total),
    )
    faults += [InstallError(f"The package {name} is damaged; click Repair") for name in names]
    if names:
        return faults  # What does not load then is no news.
    reporter.begin(IMPORTS)
    try:
        check_imports(state.python_in(options.root), reporter)
    except InstallError as fault:
        faults.append(fault)
    return faults


def _model_faults(options: Options, reporter: Reporter) -> list[One2345Error]:
    """What is wrong with the models of an installation, those that were fetched, and the bundled ones."""
    models = [model for model in read_catalogue().values() if _is_wanted(model, options)]
    bundled, own = options.extension / _BUNDLED, options.root / FOLDER
    sealed = [*_sealed_files(bundled), *_sealed_files(own)]
    total = sum(model.bytes for model in models) + sum(_size(path) for path, _ in sealed)
    reporter.begin(MODELS, total=total)
    done = 0
    faults: list[One2345Error] = []
    for model in models:
        wrong = damaged_files(model, options.root)
        is_own = model.name in options.models
        faults += [_lost(Path(file.path).name, model.title, is_own=is_own) for file in wrong]
        done += model.bytes
        reporter.advance(done, text=model.title)
    for path, sha256 in sealed:
        if not is_sha256(path, sha256):
            faults.append(_lost(path.name, path.parent.name, is_bundled=bundled in path.parents))
        done += _size(path)
        reporter.advance(done, text=path.name)
    return faults


def _lost(name: str, model: str, *, is_own: bool = False, is_bundled: bool = False) -> WeightsError:
    if is_bundled:
        return WeightsError(f"{name} of {model} is missing or damaged; install the extension again")
    if is_own:  # What an installation has by itself; the rest has buttons of its own.
        return WeightsError(f"{name} of {model} is missing or damaged; click Repair")
    return WeightsError(f"{name} of {model} is missing or damaged; download it again")


def _is_wanted(model: Model, options: Options) -> bool:
    return model.name in options.models or any(place_of(file, options.root).exists() for file in model.files)


def _sealed_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files of weights with their checksums, of all sets below a folder that list their own."""
    for seal in sorted(folder.rglob(SUMS_FILE)):
        for name, sha256 in read_sums(seal).items():
            path = seal.parent / name
            if ".." not in path.parts and seal.parent in path.parents:
                yield path, sha256


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
