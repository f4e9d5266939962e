"""report.json: what a job took and what came out. The only file of a job that holds times."""

import platform
import sys
from importlib import metadata

import torch

from backend.devices import device_name
from backend.evaluate.surface import is_watertight, num_shells
from backend.geometry.cameras import ViewRig
from backend.geometry.meshes import Mesh, TexturedMesh
from backend.models.registry import WeightSet
from backend.protocol import BACKEND_VERSION, Engine, Json, Request, Stage
from backend.records import to_data

PACKAGES = ("torch", "diffusers", "transformers", "warp-lang", "onnxruntime", "numpy")


def versions() -> dict[str, Json]:
    """Versions of this program and of what its results depend on."""
    found: dict[str, Json] = {"one2345": BACKEND_VERSION, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def mesh_facts(mesh: Mesh | TexturedMesh) -> dict[str, Json]:
    """What a user of the mesh wants to know first."""
    return {
        "faces": len(mesh.faces),
        "vertices": len(mesh.vertices),
        "shells": num_shells(mesh.vertices, mesh.faces),
        "watertight": is_watertight(mesh.vertices, mesh.faces),
    }


class Report:
    """Collects the report of one run; what earlier runs of the job measured is kept for reused stages."""

    def __init__(
        self,
        earlier: dict[str, Json],
        request: Request,
        *,
        weights: WeightSet,
        rig: ViewRig,
        device: torch.device,
    ) -> None:
        stages = earlier.get("stages")
        self.data: dict[str, Json] = {
            "request": to_data(request),
            "engine": request.engine.value,
            "device": {"type": device.type, "name": device_name(device), "threads": torch.get_num_threads()},
            "system": sys.platform,
            "versions": versions(),
            "weights": {"name": weights.name, "licence": weights.licence, "sha256": {}},
            "rig": None if request.engine is Engine.ONE2345 else to_data(rig),
            "stages": {},
            "mesh": None,
            "seconds": 0.0,
        }
        self._earlier = stages if isinstance(stages, dict) else {}

    def add_stage(
        self,
        stage: Stage,
        *,
        origin: str,
        seed: int,
        seconds: float = 0.0,
        peaks: dict[str, int] | None = None,
        facts: dict[str, Json] | None = None,
    ) -> None:
        """Record a stage: `origin` is made, reused or given; `facts` are what the stage says of its work."""
        entry: dict[str, Json] = {"origin": origin, "seed": seed}
        if origin == "made":
            entry |= {"seconds": round(seconds, 3)}
            entry |= {f"peak_{name}_mib": round(size / 2**20, 1) for name, size in (peaks or {}).items()}
            entry |= facts or {}
        elif origin == "reused" and isinstance(before := self._earlier.get(stage), dict):
            entry = before | {"origin": "reused"}
        self._section("stages")[stage.value] = entry
        self.data["seconds"] = round(float(self.data["seconds"] or 0) + seconds, 3)  # type: ignore[arg-type]

    def add_weights(self, checksums: dict[str, str]) -> None:
        """Record the checksums of the networks that a stage used."""
        sums = self._section("weights")["sha256"]
        if isinstance(sums, dict):
            sums.update(checksums)

    def add_rig(self, rig: ViewRig) -> None:
        """Record where the cameras of the views turned out to be."""
        self.data["rig"] = to_data(rig)

    def add_mesh(self, facts: dict[str, Json]) -> None:
        """Record what is known of the mesh."""
        self.data["mesh"] = facts

    def _section(self, name: str) -> dict[str, Json]:
        section = self.data[name]
        if not isinstance(section, dict):
            raise TypeError(name)
        return section
