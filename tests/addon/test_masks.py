"""A mask to paint on, from what was cut out before."""

import bpy
import numpy as np
import pytest

from tests.addon.extension import jobs, masks, protocol

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("empty_file", "session")]


def image_of(pixels, name="toy"):
    height, width, _ = pixels.shape
    image = bpy.data.images.new(name, width, height, alpha=True)
    image.pixels.foreach_set(pixels.astype(np.float32).ravel())
    image.update()
    return image


def alpha_of(image):
    values = np.empty(image.size[0] * image.size[1] * 4, dtype=np.float32)
    image.pixels.foreach_get(values)
    return values.reshape(image.size[1], image.size[0], 4)[..., 3]


@pytest.fixture
def cut(tmp_path):
    """A cut-out of 4 x 4 pixels, solid in its upper left quarter, of a picture of 12 x 8 pixels."""
    pixels = np.zeros((4, 4, 4))
    pixels[2:, :2] = 1.0  # Blender's rows go up
    matte = image_of(pixels, "matte")
    matte.filepath_raw, matte.file_format = str(tmp_path / "matte.png"), "PNG"
    matte.save()
    bpy.data.images.remove(matte)
    job = jobs.Job(
        id="a",
        title="toy",
        folder=tmp_path,
        request=protocol.Request(image="toy.png", stop_after=protocol.Stage.MATTE),
        state=jobs.JobState.DONE,
        report={"stages": {"matte": {"frame": {"centre_px": [9.0, 3.0], "side_px": 4.0}}}},
    )
    jobs.SESSION.jobs["a"] = job
    return job


def test_the_cut_out_lies_where_it_was_found(cut):
    """The square spans columns 7 to 10 and rows 1 to 4 from the top; its upper left quarter is solid."""
    image = image_of(np.ones((8, 12, 4)))
    mask = masks.paintable(image, masks.cut_out_of(image))
    expected = np.zeros((8, 12))
    expected[1:3, 7:9] = 1.0
    np.testing.assert_array_equal(alpha_of(mask)[::-1], expected)
    assert mask.packed_file is not None


def test_without_a_cut_out_the_whole_picture_is_there_to_erase_from():
    image = image_of(np.full((8, 12, 4), 0.5))
    np.testing.assert_allclose(alpha_of(masks.paintable(image, None)), 0.5, atol=1e-2)


def test_a_cut_out_of_another_picture_is_not_taken(cut):
    assert masks.cut_out_of(image_of(np.ones((8, 12, 4)), "other")) is None


@pytest.mark.parametrize(
    "report", [{}, {"stages": {"matte": {}}}, {"stages": {"matte": {"frame": {"side_px": 0}}}}]
)
def test_a_report_without_a_frame_changes_nothing(cut, report):
    cut.report = report
    image = image_of(np.ones((8, 12, 4)))
    assert alpha_of(masks.paintable(image, cut)).min() == 1.0
