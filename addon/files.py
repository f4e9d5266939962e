"""Files that are whole or absent."""

import os
import sys
import time
from pathlib import Path

_TRIES, _WAIT_S = 3, 0.005
"""On Windows a file that somebody reads cannot be replaced in that moment."""


def replace_file(path: Path, data: bytes) -> None:
    """Put a file in place whole; two Blenders that do so at once leave one of the two."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_bytes(data)
    for _ in range(_TRIES if sys.platform == "win32" else 0):
        try:
            part.replace(path)
        except PermissionError:
            time.sleep(_WAIT_S)
        else:
            return
    part.replace(path)
