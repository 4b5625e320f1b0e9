"""What processes share: every image once, whatever their number; alone it costs nothing."""

import numpy as np
import pandas as pd
import pytest
import torch

from isnet_cxr.classification.batches import (
    ImageRows,
    ShuffledBatches,
    as_batch,
    share_of,
    shared_in_order,
)
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning import processes
from isnet_cxr.data.learning.cache import PreparedImages

IMAGES = 24


@pytest.fixture
def rows() -> ImageRows:
    """Images whose grey value is their number."""
    pixels = np.arange(IMAGES, dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2)
    images = PreparedImages(pixels, pixels, pd.DataFrame(index=range(IMAGES)), [])
    return ImageRows(images, np.arange(IMAGES, dtype=np.int64))


@pytest.fixture
def be(monkeypatch):
    """Make this process one of several, as far as sharing goes."""

    def become(number: int, count: int) -> None:
        monkeypatch.setattr(processes, "number", lambda: number)
        monkeypatch.setattr(processes, "count", lambda: count)

    return become


@pytest.mark.parametrize("count", [1, 2, 4])
def test_every_image_is_seen_once_per_epoch_by_one_process(rows, be, count):
    batches = ShuffledBatches(IMAGES, batch_size=8, seed=0)
    seen = []
    for number in range(count):
        be(number, count)
        for chosen in batches:
            batch = share_of(as_batch(rows[chosen]))
            assert len(batch.images) == 8 // count
            assert torch.equal((batch.images[:, 0, 0, 0] * 255).round().long(), batch.labels)
            seen += batch.labels.tolist()
    assert sorted(seen) == list(range(IMAGES))


@pytest.mark.parametrize("images", [4, 9, 10])
def test_every_validation_image_is_scored_by_one_process(be, images):
    seen = []
    for number in range(4):
        be(number, 4)
        seen += [row for batch in shared_in_order(images, 2) for row in batch]
    assert sorted(seen) == list(range(images))


def test_what_cannot_be_shared_is_refused(be):
    be(0, 3)
    with pytest.raises(InputError, match="batch_size: expected a number that 3 processes share"):
        processes.check_shares(8, "batch_size")
    with pytest.raises(InputError, match="2 images of split 'val': expected one for each of 3"):
        shared_in_order(2, 8)


def test_a_process_that_is_alone_changes_nothing():
    values = torch.randn(3)
    before = values.clone()
    processes.average([values])
    processes.wait_for_all()
    assert values.equal(before)
    assert processes.is_first()
    assert processes.rows_of_all(values) is values


def test_a_process_that_nobody_started_joins_nobody(monkeypatch):
    for name in processes.PLACE:
        monkeypatch.delenv(name, raising=False)
    processes.join()
    assert processes.count() == 1
