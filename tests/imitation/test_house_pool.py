"""House pool: houses stand where their number says, new ones take the oldest ones' place, and none comes twice."""

import time

import pytest
import torch

from safevla.config.house_options import HouseOptions
from safevla.imitation.house_pool import HousePool, Houses, drawn

OPTIONS = HouseOptions(rooms=(1, 1), furniture=0.2, surface_objects=0.0)


def _seeds(houses: Houses) -> list[int]:
    return houses.arrays["seed"].tolist()


@pytest.fixture(scope="module")
def row() -> Houses:
    return drawn(96, OPTIONS, "train", 5, "cpu")


def test_houses_of_a_row_differ_and_are_the_same_every_time(row):
    assert len(set(_seeds(row))) == 96
    again = drawn(32, OPTIONS, "train", 5, "cpu")
    assert _seeds(again) == _seeds(row)[:32]
    assert not set(_seeds(drawn(32, OPTIONS, "train", 6, "cpu"))) & set(_seeds(row))
    assert not set(_seeds(drawn(32, OPTIONS, "validation", 5, "cpu"))) & set(_seeds(row))
    with pytest.raises(ValueError, match="40 houses are no whole number of 32"):
        Houses(40, "cpu")


def test_a_chunk_with_more_things_widens_what_is_there(row):
    houses = Houses(64, "cpu")
    narrow = {name: array[:32, :3].numpy() if name == "pose" else array[:32].numpy() for name, array in row.arrays.items()}
    wide = {name: array[32:64].numpy() for name, array in row.arrays.items()}
    assert houses.put(4, narrow) == 0 and houses.put(1, wide) == 1
    assert torch.equal(houses.arrays["pose"][:32, :3], row.arrays["pose"][:32, :3])
    assert torch.equal(houses.arrays["pose"][32:], row.arrays["pose"][32:64])


def test_workers_make_the_row_from_where_an_earlier_pool_stopped(row):
    pool = HousePool(32, OPTIONS, "train", 5, 1, "cpu", begin=32)
    try:
        assert _seeds(pool) == _seeds(row)[32:64] and pool.made == 64
        until = time.monotonic() + 20.0
        while pool.made == 64 and time.monotonic() < until:
            pool.refresh()
            time.sleep(0.01)
        assert pool.made == 96 and _seeds(pool) == _seeds(row)[64:96]
        (worker,) = pool._workers.values()
        worker.kill()
        until = time.monotonic() + 20.0
        with pytest.raises(RuntimeError, match="a process that draws houses ended with exit code -9"):
            while time.monotonic() < until:
                pool.refresh()
    finally:
        pool.close()


def test_unseen_looks_change_no_house_but_its_looks():
    unseen = drawn(32, OPTIONS, "train", 5, "cpu", ("colors", "materials"))
    seen = drawn(32, OPTIONS, "train", 5, "cpu")
    changed = {name for name in seen.arrays if not torch.equal(unseen.arrays[name], seen.arrays[name])}
    assert {"palette", "material"} <= changed and not changed & {"pose", "half", "type_index", "reachable"}
