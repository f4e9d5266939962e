"""Networks in memory: loaded when a stage needs them, kept for the next job or let go."""

from pathlib import Path
from typing import TypeVar, cast

import torch
from torch import nn

from backend.devices import free_caches, memory
from backend.models.component_layout import load_component, tensor_files
from backend.models.weights import load_network, weight_files

ConfigT = TypeVar("ConfigT")
NetT = TypeVar("NetT", bound=nn.Module)

KEEP_FREE_BYTES = 6 * 2**30
"""Networks are kept only while this much memory stays free for the stages' own tensors."""


class NetworkCache:
    """The networks on one device.

    Attributes:
        is_keeping: Keep networks after the stage that used them, as long as memory is plentiful.
    """

    def __init__(self, device: torch.device, *, is_keeping: bool) -> None:
        self.device = device
        self.is_keeping = is_keeping
        self._networks: dict[tuple[object, ...], nn.Module] = {}

    def get(self, net_class: type[NetT], config_class: type[ConfigT], folder: Path, name: str) -> NetT:
        """Network `name` of a weights folder; a file that changed since is read again.

        Raises:
            WeightsError: when it is missing, damaged or does not fit its class.
        """
        files = weight_files(folder, name)
        key = (name, *((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files))
        if key not in self._networks:
            self._networks[key] = load_network(net_class, config_class, folder, name, device=self.device)
        return cast("NetT", self._networks[key])

    def component(self, net_class: type[NetT], folder: Path, *, dtype: torch.dtype) -> NetT:
        """The network in a component's folder of public weights.

        Raises:
            WeightsError: when it is missing, damaged or does not fit its class.
        """
        files = tensor_files(folder)
        key = (dtype, *((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files))
        if key not in self._networks:
            self._networks[key] = load_component(net_class, folder, device=self.device, dtype=dtype)
        return cast("NetT", self._networks[key])

    def work_ended(self) -> None:
        """Let go of everything where memory is short or nothing comes after this job."""
        free, _ = memory(self.device)
        if not self.is_keeping or free < KEEP_FREE_BYTES:
            self.clear()

    def clear(self) -> None:
        """Let go of everything; what is asked for again is loaded again."""
        self._networks.clear()
        free_caches(self.device)
