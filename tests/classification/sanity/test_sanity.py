"""A heatmap of what was learned goes when that is forgotten; one of the image alone stays."""

import itertools
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from isnet_cxr.classification.classifier import Classifier
from isnet_cxr.classification.explanation import Explanation
from isnet_cxr.classification.networks import build_network
from isnet_cxr.classification.sanity.randomisation import randomise_cascading
from isnet_cxr.classification.sanity.stability import disturb
from isnet_cxr.classification.settings import ClassifierSettings

SIDE, COUNT = 48, 4
CLASSES = ["first", "second", "third"]


class Edges(Classifier):
    """Explains every class by the image's own edges, whatever its network says."""

    def explain(self, images, masks=None, *, explained="predicted") -> Explanation:
        said = self.predict(images, masks)
        grey = images / 255
        edges = np.hypot(np.gradient(grey, axis=1), np.gradient(grey, axis=2))
        return Explanation(said, said.argmax(axis=1), edges, np.full(len(images), np.nan))


class Noise(Classifier):
    """Explains by chance: the sum of all pixels seeds it."""

    def explain(self, images, masks=None, *, explained="predicted") -> Explanation:
        said = self.predict(images, masks)
        drawn = [np.random.default_rng(int(one.sum())).random(one.shape) for one in images]
        nothing = np.full(len(images), np.nan)
        return Explanation(said, said.argmax(axis=1), np.stack(drawn), nothing)


def made(kind: type[Classifier] = Classifier) -> Classifier:
    network = build_network("convnet-small", classes=3, seed=1)
    return kind(network, classes=CLASSES, settings=ClassifierSettings())


@pytest.fixture(scope="module")
def images() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(2)
    smooth = generator.normal(size=(COUNT, SIDE, SIDE)).cumsum(axis=1).cumsum(axis=2)
    low, high = smooth.min(axis=(1, 2), keepdims=True), smooth.max(axis=(1, 2), keepdims=True)
    grey = (255 * (smooth - low) / (high - low)).astype(np.uint8)
    masks = np.zeros_like(grey)
    masks[:, 10:38, 8:40] = 1
    return grey, masks


def test_heatmaps_of_a_network_go_with_what_it_knew(images):
    steps = randomise_cascading(made(), *images)
    shares = [share for share, _ in steps]
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] == 1
    assert np.nanmean(steps[-1][1].rank) < 0.4
    assert np.nanmean(steps[-1][1].ssim) < 0.4
    assert np.nanmean(steps[0][1].rank) > np.nanmean(steps[-1][1].rank)


def test_a_classifier_of_masked_images_passes_though_it_has_no_relevance_outside(images):
    settings = ClassifierSettings(method="masked_input")
    network = build_network("convnet-small", classes=3, seed=1)
    steps = randomise_cascading(Classifier(network, classes=CLASSES, settings=settings), *images)
    last = steps[-1][1]
    assert (np.nanmean(last.rank) + np.nanmean(last.ssim)) / 2 < 0.45


def test_edges_of_the_image_stay_to_the_end(images):
    steps = randomise_cascading(made(Edges), *images)
    for _, alike in steps:
        np.testing.assert_allclose(alike.rank, 1, atol=1e-3)
        np.testing.assert_allclose(alike.ssim, 1, atol=1e-3)


def test_the_classifier_stays_as_it_is_and_a_seed_gives_the_same(images):
    classifier = made()
    before = {name: value.clone() for name, value in classifier.network.state_dict().items()}
    torch.manual_seed(11)
    one = randomise_cascading(classifier, *images, seed=5)
    drawn = torch.rand(1)
    two = randomise_cascading(classifier, *images, seed=5)
    for name, value in classifier.network.state_dict().items():
        torch.testing.assert_close(value, before[name])
    np.testing.assert_array_equal(one[-1][1].rank, two[-1][1].rank)
    torch.manual_seed(11)
    assert torch.rand(1) == drawn, "nobody else's randomness is used"


class Watched(Classifier):
    """Remembers its weights as of each prediction."""

    seen: ClassVar[list[dict[str, torch.Tensor]]] = []

    def predict(self, images, masks=None):
        self.seen.append({n: p.detach().clone() for n, p in self.network.named_parameters()})
        return super().predict(images, masks)


def test_all_weights_are_drawn_anew_the_output_layers_first(images):
    """Those too that belong to no layer with a way of its own to draw them."""

    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
            self.scale, self.last = nn.Parameter(torch.randn(4, 1, 1)), nn.Linear(4, 3)
            self.lent = nn.Linear(4, 4)  # its weights are used, it is not called

        def forward(self, images):
            seen = (self.norm(self.first(images)).relu() * self.scale).mean((2, 3))
            return self.last(nn.functional.linear(seen, self.lent.weight, self.lent.bias))

    class Watching(Edges, Watched):
        """Needs no relevance."""

    watched = Watching(Scaled(), classes=CLASSES, settings=ClassifierSettings())
    Watched.seen.clear()
    randomise_cascading(watched, *images)
    whole = watched.network.state_dict()
    moved = [{n for n, p in seen.items() if not torch.equal(p, whole[n])} for seen in Watched.seen]
    layers = ("first", "last", "lent")
    assert moved[-1] == {"scale", *(f"{n}.{kind}" for n in layers for kind in ("weight", "bias"))}
    assert all(before <= after for before, after in itertools.pairwise(moved))
    order = [next(n for n, names in enumerate(moved) if key in names) for key in
             ("last.weight", "first.weight")]  # fmt: skip
    assert order == sorted(order)


def test_disturbances_nobody_sees_leave_edges_in_place(images):
    found = disturb(made(Edges), *images)
    assert set(found) == {"noise", "shift"}
    assert np.mean(found["shift"].rank) > 0.95
    assert np.mean(found["noise"].rank) > 0.5


def test_heatmaps_that_jump_are_seen_to_jump(images):
    found = disturb(made(Noise), *images)
    assert all(np.abs(alike.rank).max() < 0.1 for alike in found.values())


def test_a_moved_image_keeps_its_mask_and_is_moved_back(images):
    """A classifier of masked images sees the lungs where they are."""
    grey, masks = images
    settings = ClassifierSettings(method="masked_input")
    network = build_network("convnet-small", classes=3, seed=1)
    found = disturb(Classifier(network, classes=CLASSES, settings=settings), grey, masks)
    assert np.isfinite(found["shift"].rank).all()
