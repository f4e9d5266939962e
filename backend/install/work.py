"""The steps of an installation, in their order.

Each can be repeated: what was downloaded stays in the cache, an unfinished environment is made anew from it,
and only the last step changes what Blender uses.
"""

import logging
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from backend.errors import InstallError, NetworkError, One2345Error
from backend.install.model_actions import Action, download
from backend.install.options import WANTED_PYTHON, Options
from backend.install.plan import Plan, check_disk, make_plan
from backend.install.records import damaged_in_environment
from backend.install.reporter import PackageWatch, Reporter
from backend.install.testing import check_imports, run_small_job
from backend.installation import (
    COMPLETE_FILE,
    ENVIRONMENTS,
    STATE_FILE,
    Installed,
    State,
    read_state,
    state_data,
)
from backend.packages import KIT_PYTHON, Uv, Watch, find_uv, run_watched
from backend.storage import PART_PREFIX, put_in_place, remove_tree, write_whole, writing_errors

log = logging.getLogger(__name__)

CHECK, OLD, PYTHON, ASK, PACKAGES, IMPORTS, MODELS, TEST, FINISH = (
    "Looking at this computer",
    "Checking what is there",
    "Preparing Python",
    "Asking for the packages",
    "Installing the packages",
    "Loading the packages",
    "Fetching the models",
    "Making a small mesh",
    "Finishing",
)

NO_CARD = (
    "The packages do not reach the graphics card: computing on the processor. "
    "Install the newest driver, then click Repair"
)
_PRIVATE = f"cpython-{WANTED_PYTHON}."
"""What uv names a private Python's folder, to begin with."""


def titles(options: Options) -> list[str]:
    """The steps that an installation takes."""
    left_out = {OLD} if not options.is_repair else set()
    left_out |= set() if options.has_test else {TEST}
    return [
        title
        for title in (CHECK, OLD, PYTHON, ASK, PACKAGES, IMPORTS, MODELS, TEST, FINISH)
        if title not in left_out
    ]


def install(options: Options, reporter: Reporter) -> Installed:
    """Make the environment and fetch the models; the one in use stays until the new one works.

    Raises:
        One2345Error: with one sentence that says what to do; everything fetched is kept.
    """
    start = time.monotonic()
    reporter.begin(CHECK)
    plan = make_plan(options)
    check_disk(plan, options.root)
    log.info("%s; %s", plan.text, ", ".join(lock.name for lock in plan.locks))
    uv = Uv(binary=find_uv(options.root, options.wheels), root=options.root, kit=options.kit)
    before = read_state(options.root)
    if options.is_repair and before is not None:
        _forget_damaged(uv, before, reporter)
    folder = _new_folder(plan, before, options)
    python, text = _prepare_python(uv, folder, plan, options, reporter)
    _install_packages(uv, python, plan, reporter)
    reporter.begin(IMPORTS)
    device = check_imports(python, reporter)
    _fetch_models(plan, options, reporter)
    if options.has_test:
        reporter.begin(TEST)
        run_small_job(python, options, reporter)
    reporter.begin(FINISH)
    _switch(folder, python, plan, options.root)
    first = plan.text if device == "cuda" or not plan.is_for_card else NO_CARD
    return Installed(text=". ".join([first, *text]), seconds=round(time.monotonic() - start, 1))


def _forget_damaged(uv: Uv, before: State, reporter: Reporter) -> None:
    """Drop damaged packages from the cache too, whose files are the environment's own."""
    reporter.begin(OLD)
    names = damaged_in_environment(
        uv.root / ENVIRONMENTS / before.environment,
        lambda done, total: reporter.advance(done, total=total),
    )
    if names:
        log.info("damaged packages: %s", ", ".join(names))
        uv.run(["cache", "clean", *names], Watch())


def _new_folder(plan: Plan, before: State | None, options: Options) -> Path:
    """The folder of the new environment: never the one in use."""
    parent = options.root / ENVIRONMENTS
    in_use = before.environment if before is not None else ""
    name = plan.name if plan.name != in_use else f"{plan.name}-2"
    remove_tree(parent / name)
    return parent / name


def _prepare_python(
    uv: Uv, folder: Path, plan: Plan, options: Options, reporter: Reporter
) -> tuple[Path, tuple[str, ...]]:
    """Make an environment on the best Python that can be had; returns its Python, and what to say of it."""
    reporter.begin(PYTHON)
    watch = PackageWatch(reporter, uv.root / "cache" / "uv", total=0)
    problem: One2345Error | None = None
    for base, *text in ((options.python,),) if options.python else _bases(uv, plan, watch):
        try:
            uv.run(["venv", "--no-project", "--python", base, "--no-python-downloads", str(folder)], watch)
        except InstallError as error:
            log.info("no environment on %s: %s", base, error)
            problem = error
        else:
            python = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
            return folder / python, tuple(text)
    version = plan.pythons[0]
    raise InstallError(
        f"There is no Python {version} to build on and none could be downloaded; "
        f"connect to the internet, or install Python {version} and try again"
    ) from problem


def _bases(uv: Uv, plan: Plan, watch: Watch) -> Iterator[tuple[str, ...]]:
    """Pythons to build on, each with what to say of it: a private one, the one that runs this, another."""
    if WANTED_PYTHON in plan.pythons and _has_private_python(uv, watch):
        yield (WANTED_PYTHON,)
    if "{}.{}".format(*sys.version_info) in plan.pythons:
        yield sys.executable, "No Python of its own could be had, so it builds on Blender's"
    for version in plan.pythons:
        yield version, "No Python of its own could be had, so it builds on this computer's"


def _has_private_python(uv: Uv, watch: Watch) -> bool:
    """A Python of our own that runs is in the data root, fetched now if need be; uv checks what it gets."""
    folder = uv.root / "python"
    if _runs(folder, watch):
        return True
    if uv.kit is not None:
        kept = (uv.kit / KIT_PYTHON).glob(f"{_PRIVATE}*")
        return any([_take_over(found, folder) for found in kept])
    try:
        # What is there and damaged stays until another one is at hand: an environment in use may build on it.
        uv.run(["python", "install", WANTED_PYTHON, "--reinstall", "--no-bin", "--no-registry"], watch)
    except (InstallError, NetworkError) as error:
        log.info("no private Python: %s", error)
        return False
    return True


def _runs(folder: Path, watch: Watch) -> bool:
    """One of the private Pythons is whole enough to start and to load what needs libraries of its own."""
    programs = [
        *folder.glob(f"{_PRIVATE}*/bin/python{WANTED_PYTHON}"),
        *folder.glob(f"{_PRIVATE}*/python.exe"),
    ]
    command = ["-I", "-c", "import ctypes, ssl, zlib"]
    for program in programs:
        try:
            _, code = run_watched([str(program), *command], environment={}, folder=folder, watch=watch)
        except InstallError as error:
            log.info("%s", error)
        else:
            return code == 0
    return False


def _take_over(source: Path, folder: Path) -> bool:
    """Copy a kit's Python into the data root, in place of what is there; returns that it is there now."""
    part = folder / f"{PART_PREFIX}{source.name}"
    with writing_errors(folder / source.name):
        remove_tree(part)
        shutil.copytree(source, part, symlinks=True)
        remove_tree(folder / source.name)
        put_in_place(part, folder / source.name)
    return True


def _install_packages(uv: Uv, python: Path, plan: Plan, reporter: Reporter) -> None:
    cache = uv.root / "cache" / "uv"
    reporter.begin(ASK)
    # Every package must be there before the first gigabyte is fetched.
    uv.install(python=python, locks=plan.locks, is_dry=True, watch=PackageWatch(reporter, cache, total=0))
    reporter.begin(PACKAGES, total=plan.download_bytes)
    watch = PackageWatch(reporter, cache, total=plan.download_bytes)
    uv.install(python=python, locks=plan.locks, is_dry=False, watch=watch)


def _fetch_models(plan: Plan, options: Options, reporter: Reporter) -> None:
    # What the installer fetches by itself is free for every use; the rest is for the model manager.
    reporter.begin(MODELS, total=sum(model.bytes for model in plan.models))
    for model in plan.models:
        download(
            Action(name="download", model=model.name, root=options.root, kit=options.kit), model, reporter
        )


def _switch(folder: Path, python: Path, plan: Plan, root: Path) -> None:
    """From here on Blender uses the new environment; the others go."""
    state = State(environment=folder.name, python=python.relative_to(folder).as_posix(), locks=plan.digests)
    write_whole(folder / COMPLETE_FILE, state_data(state))
    write_whole(root / STATE_FILE, state_data(state))
    for other in folder.parent.iterdir():
        if other != folder:
            try:
                remove_tree(other)
            except (
                One2345Error
            ) as error:  # A Blender that still runs from it; the next installation tries again.
                log.warning("an older environment stays: %s", error)
