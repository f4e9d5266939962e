"""Everything that can go wrong in the backend, as one tree.

    One2345Error
    ├── Cancelled           the user or the host asked to stop
    ├── InputError          a picture, mask, mesh or view sheet that cannot be used
    │   └── NothingFound    a picture without an object in it
    ├── ConfigError         a setting out of range, an unknown preset or stage
    ├── WeightsError        a missing, damaged or unfitting file of weights
    ├── ArtifactError       a job folder whose files do not belong together
    ├── GpuMemoryError      the graphics card is full
    ├── DeviceError         the asked-for device is not there
    ├── StorageError        a full disk or a folder that cannot be written
    ├── NetworkError        a server that cannot be reached or stops answering
    └── InstallError        an environment that cannot be made here

`ProtocolError` stands in `backend/protocol.py`, which both sides import.

Each class has a `code` that crosses the wire to the add-on; each message is one sentence that
says what was found and what to do.
"""

from collections.abc import Callable


class One2345Error(Exception):
    """Base of every error that the backend reports to its user."""

    code = "error"


class Cancelled(One2345Error):  # noqa: N818 - an event the user asked for, not a fault
    """The job was stopped on request."""

    code = "cancelled"


class InputError(One2345Error):
    """A file or picture given by the user cannot be used."""

    code = "input"


class NothingFound(InputError):  # noqa: N818 - reads as the sentence it stands for
    """The picture shows no object that stands out from its background."""

    code = "nothing_found"


class ConfigError(One2345Error):
    """A setting has a value outside its range."""

    code = "config"


class WeightsError(One2345Error):
    """A set of weights is missing, damaged or does not fit the networks."""

    code = "weights"


class ArtifactError(One2345Error):
    """An artifact in a job folder is missing or cannot be read."""

    code = "artifact"


class GpuMemoryError(One2345Error):
    """The device has too little memory for the asked-for settings."""

    code = "gpu_memory"


class DeviceError(One2345Error):
    """The asked-for device does not exist on this machine."""

    code = "device"


class StorageError(One2345Error):
    """A file cannot be written."""

    code = "storage"


class NetworkError(One2345Error):
    """A download failed for a reason that may be gone the next time."""

    code = "network"


class InstallError(One2345Error):
    """The packages cannot be installed on this machine as it is."""

    code = "install"


OnStep = Callable[[int, int], None]
"""Called with (steps done, steps in all); reports progress and may raise `Cancelled`."""


def ignore_steps(step: int, total: int) -> None:
    """The `OnStep` of a caller who wants no reports."""


def share_of(on_step: OnStep, part: int, parts: int) -> OnStep:
    """Reports of one of several equal parts of a work as reports of the whole."""

    def report(step: int, total: int) -> None:
        on_step(part * total + step, parts * total)

    return report
