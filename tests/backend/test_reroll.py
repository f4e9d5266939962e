"""Some of the six views drawn anew: the others stay byte for byte, and the job goes on from the new sheet."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.errors import ArtifactError, Cancelled
from backend.protocol import REROLLED_FILE, Progress, ProtocolError, Request, Stage
from tests.backend.quick import run_job

TILE = 32


pytestmark = pytest.mark.usefixtures("quick_jobs")


@pytest.fixture(scope="module")
def base(cutout, tiny_weights) -> dict:
    return {"image": str(cutout), "weights": str(tiny_weights), "seed": 3}


@pytest.fixture(scope="module")
def finished(tmp_path_factory, base) -> Path:
    """A job with all artifacts; not to be changed."""
    folder = tmp_path_factory.mktemp("jobs") / "finished"
    run(folder, **base)
    return folder


@pytest.fixture
def folder(finished, tmp_path) -> Path:
    """A copy of the finished job."""
    return Path(shutil.copytree(finished, tmp_path / "job"))


def run(folder: Path, *, on_event=lambda event: None, **request) -> dict[str, str]:
    report: dict = run_job(folder, Request(**request), on_event)
    return {name: entry["origin"] for name, entry in report["stages"].items()}


def tiles(folder: Path) -> list[np.ndarray]:
    sheet = np.array(Image.open(folder / "views.png"))
    side = sheet.shape[1] // 2
    return [sheet[r : r + side, c : c + side] for r in range(0, 3 * side, side) for c in (0, side)]


def changed(one: Path, two: Path) -> list[int]:
    pairs = zip(tiles(one), tiles(two), strict=True)
    return [number for number, (a, b) in enumerate(pairs, 1) if not np.array_equal(a, b)]


def test_only_the_named_tiles_change_and_what_follows_is_made_anew(finished, folder, base):
    found = run(folder, **base, reroll=(2, 5))
    assert changed(finished, folder) == [2, 5]
    assert found.pop("matte") == "reused"
    assert set(found.values()) == {"made"}


def test_the_drawn_tiles_lie_beside_the_sheet(folder, base):
    run(folder, **base, reroll=(2, 5), stop_after=Stage.VIEWS)
    for number in (2, 5):
        drawn = np.load(folder / REROLLED_FILE.format(number))
        np.testing.assert_array_equal(drawn, tiles(folder)[number - 1])


def test_same_seed_draws_the_same_tile_and_another_one_does_not(finished, tmp_path, base):
    one, two, other = (Path(shutil.copytree(finished, tmp_path / name)) for name in "abc")
    for folder, seed in ((one, 1), (two, 1), (other, 2)):
        run(folder, **base, reroll=(4,), reroll_seed=seed, stop_after=Stage.VIEWS)
    assert changed(one, two) == []
    assert changed(one, other) == [4]


def test_a_roll_is_not_repeated_and_not_undone_by_going_on(finished, folder, base):
    run(folder, **base, reroll=(1,), stop_after=Stage.VIEWS)
    rolled = (folder / "views.png").read_bytes()
    assert run(folder, **base, reroll=(1,), stop_after=Stage.VIEWS)["views"] == "reused"
    found = run(folder, **base)
    assert (found["matte"], found["views"], found["shape"]) == ("unused", "given", "made")
    assert (folder / "views.png").read_bytes() == rolled
    assert run(folder, **base, start_from=Stage.VIEWS)["views"] == "made"
    assert changed(finished, folder) == []


def test_an_edited_tile_is_kept_whatever_the_size_of_the_sheet(folder, base):
    sheet = Image.open(folder / "views.png").resize((2 * 48, 3 * 48))
    sheet.paste((10, 200, 30, 255), (48, 0, 96, 48))
    sheet.save(folder / "views.png")
    before = tiles(folder)
    run(folder, **base, reroll=(6,), stop_after=Stage.VIEWS)
    after = tiles(folder)
    assert [np.array_equal(a, b) for a, b in zip(before, after, strict=True)] == [True] * 5 + [False]


def test_a_cancelled_roll_leaves_the_sheet_as_it_was(finished, folder, base):
    def cancel(event):
        if isinstance(event, Progress) and event.stage is Stage.VIEWS and event.step:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(folder, on_event=cancel, **base, reroll=(3,))
    assert changed(finished, folder) == []
    assert set(run(folder, **base).values()) == {"reused"}


def test_a_roll_needs_a_sheet(tmp_path, base):
    with pytest.raises(ArtifactError, match=r"no views\.png"):
        run(tmp_path, **base, reroll=(3,))


@pytest.mark.parametrize(
    "wrong",
    [
        {"reroll": (0,)},
        {"reroll": (7,)},
        {"reroll": (1,), "start_from": Stage.SHAPE},
        {"reroll": (1,), "stop_after": Stage.MATTE},
        {"reroll_seed": -1},
    ],
)
def test_requests_that_cannot_be_are_refused(wrong):
    with pytest.raises(ProtocolError, match=r"reroll|re-rolled"):
        Request(**wrong)


def test_untouched_tiles_stay_byte_identical_through_an_edit(finished, folder, base):
    """An artist paints on one tile; the others are read and written as they were."""
    sheet = np.array(Image.open(folder / "views.png"))
    sheet[:TILE, TILE:, :3] = 255 - sheet[:TILE, TILE:, :3]
    Image.fromarray(sheet).save(folder / "views.png")
    assert run(folder, **base)["views"] == "given"
    assert changed(finished, folder) == [2]
