"""Changed images: who reads the lungs does not mind other backgrounds, who reads these does."""

import numpy as np
import pytest
import torch
from torch import nn

from isnet_cxr.classification.classifier import Classifier
from isnet_cxr.classification.reliance import measure_reliance
from isnet_cxr.classification.settings import ClassifierSettings

SIDE, COUNT = 32, 60
LUNGS = (slice(8, 24), slice(6, 26))


class Mean(nn.Module):
    """Log-odds from the mean grey of a part of the image."""

    def __init__(self, part: tuple[slice, slice]) -> None:
        super().__init__()
        self.part = part
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, images):
        odds = 40 * (images[:, 0, *self.part].mean(dim=(1, 2)) - 0.5) * self.weight
        return torch.stack([-odds, odds], dim=1)


def classifier_of(part) -> Classifier:
    return Classifier(Mean(part), classes=["dark", "bright"], settings=ClassifierSettings())


def made() -> tuple[np.ndarray, np.ndarray]:
    """Lungs and backgrounds are dark or bright, each by itself."""
    generator = np.random.default_rng(3)
    images = np.repeat(generator.choice([90, 165], size=COUNT)[:, None, None], SIDE, axis=1).repeat(
        SIDE, axis=2
    )
    images[:, *LUNGS] = generator.choice([90, 165], size=COUNT)[:, None, None]
    masks = np.zeros((COUNT, SIDE, SIDE), np.uint8)
    masks[:, *LUNGS] = 1
    return images.astype(np.uint8), masks


def test_who_reads_the_lungs_says_the_same_of_exchanged_backgrounds():
    images, masks = made()
    classifier = classifier_of((slice(10, 22), slice(8, 24)))
    before, found = classifier.predict(images, masks), measure_reliance(classifier, images, masks)
    np.testing.assert_allclose(found.exchanged, before, atol=1e-6)
    assert (found.erased.argmax(axis=1) == 0).all(), "without lungs all look alike"


def test_who_reads_a_corner_follows_the_partners_and_needs_no_lungs():
    images, masks = made()
    classifier = classifier_of((slice(0, 3), slice(0, 3)))
    before = classifier.predict(images, masks).argmax(axis=1)
    found = measure_reliance(classifier, images, masks)
    stay = (found.exchanged.argmax(axis=1) == before).mean()
    assert 0.3 < stay < 0.7
    assert (found.erased.argmax(axis=1) == before).all()


def test_the_same_seed_gives_the_same_and_another_seed_another():
    images, masks = made()
    classifier = classifier_of((slice(0, 3), slice(0, 3)))
    first, again, other = (
        measure_reliance(classifier, images, masks, seed=seed).exchanged for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("known", [0, COUNT - 1])
def test_images_without_lungs_are_not_measured(known):
    images, masks = made()
    masks[known:] = 0
    found = measure_reliance(classifier_of((slice(0, 3), slice(0, 3))), images, masks)
    assert np.isnan(found.exchanged[known:]).all()
    assert np.isnan(found.erased[known:]).all()
    assert not np.isnan(found.erased[:known]).any()
    assert np.isnan(found.seam[known:]).all()
    assert (found.seam[:known] < 0.5).all()
