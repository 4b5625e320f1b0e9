"""CoRM: noise outside the lungs, the class told all the same."""

import pytest
import torch

from isnet_cxr.classification.methods.corm import CormObjective, CormSettings, noisy_background


def terms(network, batch, weights, noise=0.3):
    found = CormObjective(network, weights, CormSettings(noise=noise))
    return found.training_terms(batch, progress=0.0, generator=torch.Generator().manual_seed(0))


def test_the_lungs_are_kept_and_the_noise_has_the_deviation_that_was_set(batch, generator):
    noise = noisy_background(batch.images, batch.masks, noise=0.3, generator=generator)
    noise -= batch.images
    inside = batch.masks.bool()
    assert not noise[inside].any()
    assert float(noise[~inside].std()) == pytest.approx(0.3, rel=0.1)
    assert float(noise[~inside].mean()) == pytest.approx(0, abs=0.03)


def test_without_noise_both_losses_are_the_baselines(network, batch, weights):
    network.eval()
    found = terms(network, batch, weights, noise=0.0)
    assert found["noisy_class_loss"].equal(found["class_loss"])
    torch.testing.assert_close(found["loss"], 2 * found["class_loss"])


def test_a_network_that_does_not_see_the_background_meets_no_noise(batch, weights):
    class LungsOnly(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(16 * 16, 3)

        def forward(self, images):
            return self.layer((images * batch.masks).flatten(1))

    found = terms(LungsOnly(), batch, weights, noise=3.0)
    assert found["noisy_class_loss"].equal(found["class_loss"])


def test_a_step_lowers_the_loss(network, weights, step_lowers):
    for term in ("loss", "noisy_class_loss"):
        assert step_lowers(CormObjective(network, weights, CormSettings()), term)


def test_images_without_lungs_get_no_noise(network, batch, weights, without_lungs):
    bare = terms(network, without_lungs(), weights)
    assert bare["loss"].equal(bare["class_loss"])
    some = terms(network, without_lungs(0, 1), weights)
    assert some["loss"].isfinite()
    assert some["loss"] > some["class_loss"]


def test_validation_is_the_baselines(network, batch, weights):
    found = CormObjective(network, weights, CormSettings()).validation_terms(batch)
    assert found["loss"].equal(found["class_loss"])
