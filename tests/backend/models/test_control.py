"""ControlNets of Zero123++: what they see, and where what they add goes."""

import pytest
import torch
from diffusers import ControlNetModel
from torch.testing import assert_close

from backend.models.control import Control
from backend.models.zero123plus import GREY
from backend.stages.views import generate_views
from tests.backend.models.opened import QUICK, Passes, cut_out_picture, open_model, prepare
from tests.backend.models.public_weights import TILE_PX, write_controlnet, write_zero123plus


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_zero123plus(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def controlnet(tmp_path_factory):
    return write_controlnet(tmp_path_factory.mktemp("control"))


@pytest.fixture
def picture():
    return cut_out_picture()


def test_a_control_reaches_the_pass_over_the_canvas_alone(folder, controlnet, picture, monkeypatch):
    sheet = torch.rand(6, 4, TILE_PX, TILE_PX)
    model = open_model(folder, control=Control(folder=controlnet, sheet=sheet, scale=0.75))
    denoiser = prepare(model, picture)
    passes = Passes(denoiser, monkeypatch)
    denoiser(torch.zeros(1, *model.canvas), torch.zeros(1, *denoiser.noise_shape), 500)
    (*_, first), (*_, second) = passes.calls
    assert first["down_block_additional_residuals"] is first["mid_block_additional_residual"] is None
    assert float(second["mid_block_additional_residual"].abs().max()) > 0
    assert len(second["mid_block_additional_residual"]) == 2


def test_a_control_sees_its_sheet_on_grey_and_its_weight_scales_what_it_adds(
    folder, controlnet, picture, monkeypatch
):
    seen = []
    plain = ControlNetModel.forward

    def spy(self, canvas, timesteps, **given):
        seen.append(given)
        return plain(self, canvas, timesteps, **given)

    monkeypatch.setattr(ControlNetModel, "forward", spy)
    sheet = torch.ones(6, 4, TILE_PX, TILE_PX)
    sheet[0, 3] = 0
    model = open_model(folder, control=Control(folder=controlnet, sheet=sheet, scale=0.75))
    denoiser = prepare(model, picture)
    denoiser(torch.zeros(1, *model.canvas), torch.zeros(1, *denoiser.noise_shape), 500)
    condition = seen[0]["controlnet_cond"]
    assert condition.shape == (2, 3, 3 * TILE_PX, 2 * TILE_PX)
    assert_close(condition[:, :, :TILE_PX, :TILE_PX], torch.full((2, 3, TILE_PX, TILE_PX), 2 * GREY - 1))
    assert condition[:, :, TILE_PX:].min() == 1
    assert seen[0]["conditioning_scale"] == 0.75
    assert torch.equal(seen[0]["encoder_hidden_states"], denoiser.prompt)


def test_a_control_changes_the_views(folder, controlnet, picture):
    sheets = (torch.zeros(6, 4, TILE_PX, TILE_PX), torch.ones(6, 4, TILE_PX, TILE_PX))
    controls = [Control(folder=controlnet, sheet=sheet, scale=1.0) for sheet in sheets]
    drawn = [
        generate_views(picture, open_model(folder, control=control), seed=1, config=QUICK)
        for control in (None, *controls)
    ]
    assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[1], drawn[2])
