"""The command line: `python -m backend COMMAND`; `backend/arguments.py` lists arguments and exit codes."""

from collections.abc import Sequence

from backend.arguments import make_parser


def main(argv: Sequence[str]) -> int:
    """Run a command; returns the exit code."""
    arguments = None if argv[:1] == ["evaluate"] else make_parser().parse_args(argv)
    if arguments is not None and arguments.command == "worker":
        from backend import worker  # The two heavy modules are imported when they are needed,

        worker.main()
    from backend import commands  # so that help and the worker's first message come at once.

    return commands.evaluate(argv[1:]) if arguments is None else commands.run(arguments)
