"""`python -m backend`: the command line and the process that Blender starts."""

import os
import sys

# Threads that wait for each other burn their core for milliseconds by default. On a machine that is busy
# otherwise, with Blender say, that made the texture ten times slower. Read when torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

from backend.cli import main

sys.exit(main(sys.argv[1:]))
