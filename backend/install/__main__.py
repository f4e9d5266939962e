"""`python -m backend.install`: makes the backend's environment. Runs with any Python from 3.11 on.

    python -m backend.install install --root FOLDER [--kit FOLDER] [--repair]
    python -m backend.install verify --root FOLDER
    python -m backend.install uninstall --root FOLDER environment cache models
    python -m backend.install move --root FOLDER --to FOLDER
    python -m backend.install models --root FOLDER download|verify|remove|import NAME [--from FOLDER]

Writes messages as in `backend/installation.py` on stdout and a log on stderr; ends when stdin does.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from backend.errors import Cancelled as Stopped
from backend.errors import One2345Error
from backend.install.maintenance import MOVING, PARTS, REMOVING, move, uninstall
from backend.install.model_actions import TITLES as MODEL_TITLES
from backend.install.model_actions import Action, run_action
from backend.install.options import Options
from backend.install.reporter import Reporter
from backend.install.verifying import TITLES as VERIFYING
from backend.install.verifying import verify
from backend.install.work import install, titles
from backend.installation import Installed, InstallEvent
from backend.protocol import Cancelled, Failed, ProtocolError
from backend.terminal import private_stdout
from backend.turns import turn

log = logging.getLogger(__name__)

LOCK_FILE = "install.lock"
JOB = "install"


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    options = _parse(arguments)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    with private_stdout() as sink:
        if options.command == "install":
            chosen = _install_options(options)
            reporter = Reporter(sink, titles(chosen))
            return _run(reporter, options.root, lambda: install(chosen, reporter))
        if options.command == "verify":
            checked = Options(root=options.root.resolve())
            reporter = Reporter(sink, VERIFYING)
            return _run(reporter, options.root, lambda: verify(checked, reporter))
        if options.command == "uninstall":
            reporter = Reporter(sink, [REMOVING])
            return _run(reporter, options.root, lambda: uninstall(options.root, options.parts, reporter))
        if options.command == "models":
            reporter = Reporter(sink, [MODEL_TITLES[options.action]])
            return _run(reporter, options.root, lambda: run_action(_action(options), reporter))
        reporter = Reporter(sink, [MOVING])
        return _run(reporter, options.root, lambda: move(options.root, options.to, reporter))


def _run(reporter: Reporter, root: Path, work: Callable[[], InstallEvent]) -> int:
    """Do the work while no other Blender does such work in this data root; tell how it ended."""
    reporter.listen()

    def wait(is_first: bool) -> None:
        if is_first:
            log.info("another Blender installs in %s; waiting", root)
        reporter.check()

    event: InstallEvent
    try:
        with turn(root / LOCK_FILE, on_wait=wait):
            event = work()
    except Stopped:
        event = Cancelled(job=JOB)
    except (One2345Error, ProtocolError) as error:
        log.info("failed: %s", error, exc_info=True)
        event = Failed(job=None, code=error.code, message=str(error))
    except Exception as error:
        log.exception("an unexpected fault")
        event = Failed(job=None, code="error", message=f"An unexpected fault ({error!r}); the log tells more")
    reporter.send(event)
    return 0 if isinstance(event, Installed) else 1


def _install_options(options: argparse.Namespace) -> Options:
    return Options(
        root=options.root.resolve(),
        kit=options.kit,
        torch=options.torch,
        python=options.python,
        is_repair=options.repair,
        models=tuple(options.models),
        has_test=not options.no_test,
    )


def _action(options: argparse.Namespace) -> Action:
    return Action(
        name=options.action,
        model=options.name,
        root=options.root.resolve(),
        folder=options.source,
        is_accepted=options.accept_licence,
        kit=options.kit,
    )


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m backend.install")
    commands = parser.add_subparsers(dest="command", required=True)
    installing = commands.add_parser("install", help="make the environment, fetch the models")
    installing.add_argument("--kit", type=Path, help="take everything from a folder of build.py offline")
    installing.add_argument(
        "--torch", default="", help="build of torch instead of the one that fits the card"
    )
    installing.add_argument("--python", default="", help="Python to build on")
    installing.add_argument("--repair", action="store_true", help="check what is there, then make it anew")
    installing.add_argument("--models", nargs="*", default=["u2net"])
    installing.add_argument("--no-test", action="store_true", help="leave out the small job at the end")
    verifying = commands.add_parser("verify", help="check packages and models; changes nothing")
    removing = commands.add_parser("uninstall", help="remove parts; jobs stay")
    removing.add_argument("parts", nargs="+", choices=PARTS)
    moving = commands.add_parser("move", help="move models, jobs and cache to another data root")
    moving.add_argument("--to", type=Path, required=True)
    models = commands.add_parser("models", help="one model: download, verify, remove, import")
    models.add_argument("action", choices=MODEL_TITLES)
    models.add_argument("name")
    models.add_argument("--from", dest="source", type=Path, help="the folder to import from")
    models.add_argument("--accept-licence", action="store_true", help="its terms were read and accepted")
    models.add_argument("--kit", type=Path, help="take it from a folder of build.py offline")
    for command in (installing, verifying, removing, moving, models):
        command.add_argument("--root", type=Path, required=True, help="the data root")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
