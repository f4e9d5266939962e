"""Jobs as the worker runs them: networks stay in memory from one job to the next."""

import logging
from pathlib import Path

from backend.devices import choose_device
from backend.errors import ArtifactError
from backend.geometry.unwrap_process import UnwrapProcesses
from backend.jobs import Job
from backend.models.cache import NetworkCache
from backend.models.registry import matting_model_path
from backend.pipeline import OnEvent, run
from backend.protocol import Device, Json, Submit
from backend.work import Resources

log = logging.getLogger(__name__)


class Service:
    """Runs jobs one after the other."""

    def __init__(self, root: Path) -> None:
        """Use the models in the data root `root`."""
        self._root = root
        self._caches: dict[Device, NetworkCache] = {}
        self._unwrap = UnwrapProcesses()

    def run(self, submit: Submit, on_event: OnEvent) -> tuple[tuple[str, ...], dict[str, Json]]:
        """Run a job; returns the files of its last stage and its report."""
        folder = Path(submit.folder)
        if not folder.is_absolute():
            raise ArtifactError(f"The job folder {folder} must be an absolute path")
        request = submit.request
        device = choose_device(request.device)
        kind = Device(device.type)
        cache = self._caches.setdefault(kind, NetworkCache(device, is_keeping=True))
        resources = Resources(
            device=device,
            networks=cache,
            matting_model=matting_model_path(self._root),
            root=self._root,
            unwrap=self._unwrap,
        )
        job = Job(folder)
        report = run(job, request, resources, on_event=on_event, name=submit.job)
        return tuple(str(path) for path in job.results(request)), report

    def release(self) -> None:
        """Give the memory of all networks, and of the process that unwraps, back to the system."""
        log.info("nothing to do: the networks leave memory")
        for cache in self._caches.values():
            cache.clear()
        self._unwrap.close()
