from collections import Counter

import pytest

from isnet_cxr.segmentation.sampling import BalancedBatches


def rows_of(batches):
    return [row for batch in batches for row in batch]


def test_one_dataset_gives_every_image_once():
    batches = BalancedBatches(["a"] * 10, batch_size=4, seed=0)
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert len(batches) == 3
    assert sorted(rows_of(batches)) == list(range(10))


@pytest.mark.parametrize("sizes", [(30, 6), (5, 50, 5), (2, 2)])
def test_datasets_give_equally_many_images(sizes):
    datasets = [name for name, images in enumerate(sizes) for _ in range(images)]
    names = [f"hospital {name}" for name in datasets]
    batches = BalancedBatches(names, batch_size=8, seed=1)
    counts = Counter(names[row] for row in rows_of(batches))
    assert sum(counts.values()) == len(names)
    assert max(counts.values()) - min(counts.values()) <= len(sizes)


def test_images_of_a_small_dataset_repeat_equally_often():
    batches = BalancedBatches(["large"] * 30 + ["small"] * 5, batch_size=8, seed=1)
    repeats = Counter(row for row in rows_of(batches) if row >= 30)
    assert max(repeats.values()) - min(repeats.values()) <= 1


def test_an_epoch_is_drawn_from_seed_and_epoch_alone():
    def draw(epoch, *, seed):
        batches = BalancedBatches(["a"] * 20, batch_size=4, seed=seed)
        batches.set_epoch(epoch)
        return rows_of(batches)

    assert draw(3, seed=0) == draw(3, seed=0)
    assert draw(3, seed=0) != draw(4, seed=0)
    assert draw(3, seed=0) != draw(3, seed=1)
