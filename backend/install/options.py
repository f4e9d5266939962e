"""What the installer is asked to do, and where things are."""

from dataclasses import dataclass
from pathlib import Path

EXTENSION_ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds `addon` and `backend`."""

WANTED_PYTHON = "3.11"
"""The version of a private Python."""
SUPPORTED_PYTHONS = (WANTED_PYTHON, "3.12", "3.13")
"""What the locks hold packages for; Blender brings 3.11 up to 5.0 and 3.13 from 5.1 on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """One installation.

    Attributes:
        root: The data root.
        extension: The folder of the extension, which brings locks and uv.
        kit: A folder made by `build.py offline`; then the network is not used.
        torch: The build of torch, or empty for the one that fits the graphics card.
        python: A Python to build on; empty tries a private one, then the one that runs this.
        is_repair: Check everything that is there and make the environment anew.
        models: Models to fetch.
        has_test: End with a small job.
    """

    root: Path
    extension: Path = EXTENSION_ROOT
    kit: Path | None = None
    torch: str = ""
    python: str = ""
    is_repair: bool = False
    models: tuple[str, ...] = ("u2net",)
    has_test: bool = True

    @property
    def requirements(self) -> Path:
        """The folder of locks."""
        return self.extension / "requirements"

    @property
    def wheels(self) -> Path:
        """The folder of bundled wheels."""
        return self.extension / "wheels"
