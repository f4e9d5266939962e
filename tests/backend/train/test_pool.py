"""The pool of samples."""

from backend.train.pool import Pool


def make(number: int) -> list[tuple[int, int]]:
    return [(number, index) for index in range(5)]


def test_a_resumed_pool_gives_what_an_uninterrupted_one_gives():
    whole = Pool(make, groups=3, steps_per_group=2, seed=4)
    seen = [whole.batch(step, 4) for step in range(12)]
    resumed = Pool(make, groups=3, steps_per_group=2, seed=4)
    assert [resumed.batch(step, 4) for step in range(7, 12)] == seen[7:]


def test_the_window_holds_only_its_groups():
    pool = Pool(make, groups=3, steps_per_group=2)
    groups = {number for number, _ in pool.batch(10, 15)}
    assert groups == {5, 6, 7}


def test_a_group_is_made_once():
    made: list[int] = []

    def record(number: int) -> list[int]:
        made.append(number)
        return [number]

    pool = Pool(record, groups=2, steps_per_group=3)
    for step in range(9):
        pool.batch(step, 2)
    assert made == [0, 1, 2, 3]


def test_a_batch_repeats_no_sample_that_fits():
    batch = Pool(make, groups=2).batch(0, 10)
    assert len(set(batch)) == 10


def test_a_batch_larger_than_the_window_is_filled_up():
    assert len(Pool(make, groups=1).batch(3, 12)) == 12
