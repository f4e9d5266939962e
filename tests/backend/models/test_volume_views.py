"""The picture's volume drawn from other cameras than those of its rig."""

import torch
from torch.testing import assert_close

from backend.geometry.cameras import STARTER_RIG, Cameras, views_from_sheet
from backend.models.picture_volume import PictureVolume, VolumeConfig
from backend.models.volume_views import draw_from

SIZE = 8


def test_the_rigs_own_cameras_show_what_its_canvas_shows():
    torch.manual_seed(0)
    config = VolumeConfig(picture_channels=8, channels=(8, 8), features=2, depths=12, stride=1, norm_groups=4)
    net = PictureVolume(config, rig=STARTER_RIG, size=SIZE, latent_channels=4, embedding=6).eval()
    field = torch.randn(2, 7, SIZE, SIZE, SIZE) * 3
    rig = STARTER_RIG.cameras()
    cameras = Cameras(rig.world_from_cam.expand(2, -1, -1, -1), rig.fov.expand(2, -1))
    with torch.inference_mode():
        assert_close(
            draw_from(net, field, cameras, SIZE), views_from_sheet(net.draw(field)), atol=1e-4, rtol=1e-3
        )
