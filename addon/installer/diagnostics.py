"""One text file with all that helps to find a fault. It stays on this computer."""

import json
import os
import platform
import sys
import time
from pathlib import Path

import bpy

from ...backend.protocol import BACKEND_VERSION, PROTOCOL_VERSION
from .. import jobs
from ..errors import SetupError
from ..launch import LOGS, installed_state, log_tail
from .models import model_entries
from .state import INSTALLATION, Phase

_NUM_LOGS = 4


def write_diagnostics(root: Path) -> Path:
    """Write the file into the data root's logs; returns its path.

    Raises:
        SetupError: it cannot be written.
    """
    path = root / LOGS / f"diagnostics-{time.strftime('%Y%m%d-%H%M%S')}.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(diagnostics(root), "utf-8")
    except OSError as error:
        raise SetupError(f"Cannot write {path}: {error.strerror or error}.") from error
    return path


def diagnostics(root: Path) -> str:
    """What this machine, the installation and the last processes have to say. The home folder is left out."""
    client, state = jobs.SESSION.client, installed_state(root)
    facts = {
        "one2345": f"{BACKEND_VERSION}, protocol {PROTOCOL_VERSION}",
        "blender": bpy.app.version_string,
        "python": sys.version.split()[0],
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "data root": str(root),
        "installation": INSTALLATION.phase.value if INSTALLATION.phase is not Phase.ABSENT else _phase(root),
        "last installation": INSTALLATION.message,
        "environment": json.dumps(state.locks) if state else "",
        "models": ", ".join(entry.name for entry in model_entries() if entry.is_present(root)),
        "backend": client.state.value,
        "device": f"{client.ready.device_name} ({client.ready.device.value})" if client.ready else "",
        "last error": client.error,
        "jobs": ", ".join(f"{job.id}: {job.state.value} {job.message}".strip() for job in jobs.recent()[:5]),
    }
    lines = [f"{name}: {value}" for name, value in facts.items() if value not in ("", None)]
    for log in sorted((root / LOGS).glob("*.log"), key=lambda path: path.name[-30:])[-_NUM_LOGS:]:
        lines += ["", f"--- {log.name}", *log_tail(log)]
    return "\n".join(lines).replace(str(Path.home()), "~") + "\n"


def _phase(root: Path) -> str:
    return INSTALLATION.look(root).value
