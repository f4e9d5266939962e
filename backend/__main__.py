"""`python -m backend`: the command line and the process that Blender starts."""

import sys

from backend.cli import main

sys.exit(main(sys.argv[1:]))
