"""Everything the add-on reports to the artist, as one tree.

    AddonError
    ├── SetupError      no Python environment for the backend, or a data folder that cannot be used
    ├── BackendError    the backend process could not start, died, or speaks another version
    ├── JobError        a job was refused or failed; carries the backend's own code
    ├── SourceError     the picture asked for does not exist or cannot be saved
    └── MeshFileError   the file of a finished job does not hold the mesh we expect

Each message is one or two sentences that say what was found and what to do.
"""


class AddonError(Exception):
    """Base of every error that an operator reports instead of raising."""

    code = "addon"


class SetupError(AddonError):
    """The backend cannot be started with the present preferences."""

    code = "setup"


class BackendError(AddonError):
    """The backend process is gone or cannot be understood."""

    code = "backend"


class JobError(AddonError):
    """A job cannot be run, or ended without a result."""

    code = "job"


class SourceError(AddonError):
    """A picture cannot be handed to the backend."""

    code = "source"


class MeshFileError(AddonError):
    """A mesh file is not a GLB of the layout that the backend writes."""

    code = "mesh_file"
