"""How the input picture sees the object: its camera and its frame, as numbers that a network can guess.

An input camera stands at azimuth 0, looks at the origin and just sees the unit sphere; the frame is the
square that `crop_to_object` cuts out of its picture.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from backend.geometry.cameras import UNIT_RADIUS, Cameras, orbit_cameras

CODE_CHANNELS = 5
CODE_MEAN = (0.3, 0.7, 0.5, 0.5, 0.0)
CODE_SPREAD = (0.28, 0.2, 0.05, 0.05, 0.2)
"""Of elevation, field of view, the frame's centre and the logarithm of its side, over training pictures."""
ELEVATION_LIMITS, FOV_LIMITS = (-1.2, 1.2), (0.2, 1.4)
"""What a guess is kept within, in radians: beyond, projections are of no use."""


@dataclass(frozen=True, slots=True)
class InputFrame:
    """Cameras of input pictures and the frames cut from them.

    Attributes:
        elevation: Above the horizon, in radians.
        fov: Field of view of the whole picture, in radians.
        centre: Of the frame, in the whole picture's coordinates.
        side: Of the frame, as a share of the whole picture's.
    """

    elevation: Float[Tensor, " b"]
    fov: Float[Tensor, " b"]
    centre: Float[Tensor, "b 2"]
    side: Float[Tensor, " b"]

    @classmethod
    def from_code(cls, code: Float[Tensor, "b 5"]) -> "InputFrame":
        """The frames that `code` writes, kept within what can be projected."""
        mean, spread = (torch.tensor(v, device=code.device) for v in (CODE_MEAN, CODE_SPREAD))
        elevation, fov, x, y, log_side = (mean + spread * code.float()).unbind(1)
        return cls(
            elevation.clamp(*ELEVATION_LIMITS),
            fov.clamp(*FOV_LIMITS),
            torch.stack([x, y], dim=1),
            log_side.clamp(-2, 1).exp(),
        )

    def __getitem__(self, part: slice) -> "InputFrame":
        """Some of the frames."""
        return InputFrame(self.elevation[part], self.fov[part], self.centre[part], self.side[part])

    def code(self) -> Float[Tensor, "b 5"]:
        """The same as numbers of about unit spread."""
        mean, spread = (torch.tensor(v, device=self.fov.device) for v in (CODE_MEAN, CODE_SPREAD))
        values = [self.elevation, self.fov, *self.centre.unbind(1), self.side.log()]
        return (torch.stack(values, dim=1) - mean) / spread

    def cameras(self) -> Cameras:
        """The cameras of the whole pictures."""
        distance = UNIT_RADIUS / torch.sin(self.fov / 2)
        return orbit_cameras(torch.zeros_like(self.fov), self.elevation, distance, self.fov)

    def project(self, points: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, "b n 2"], Float[Tensor, "b n"]]:
        """Coordinates in the frame (0 to 1 inside) and depth behind the origin in units of the radius."""
        cameras = self.cameras()
        uv, depth = cameras.project(points.expand(len(self.fov), -1, -1))
        framed = (uv - self.centre[:, None]) / self.side[:, None, None] + 0.5
        return framed, (depth - cameras.position.norm(dim=1)[:, None]) / UNIT_RADIUS
