"""Extended GAIN: a map that covers what the class needs and looks like the lungs."""

import pytest
import torch
from torch import nn

from isnet_cxr.classification.activations import last_maps
from isnet_cxr.classification.methods import METHODS
from isnet_cxr.classification.methods.gain import (
    GainObjective,
    GainSettings,
    class_activation,
    erase,
    map_error,
)
from isnet_cxr.data.errors import InputError


def terms(network, batch, weights, **own):
    found = GainObjective(network, weights, GainSettings(**own))
    return found.training_terms(batch, progress=0.0, generator=torch.Generator().manual_seed(0))


def test_the_map_is_grad_cam_with_constant_weights(network, batch):
    """The head is linear in the pooled maps, so that w_c is known: the label's weights / (h w)."""
    network.eval()
    with last_maps(network) as kept:
        logits = network(batch.images)
    maps = kept.value
    assert maps.shape == (6, 8, 8, 8)
    assert maps.requires_grad
    found = class_activation(logits, maps, batch.labels, size=(8, 8))
    by_hand = torch.einsum("bf,bfhw->bhw", network[-1].weight[batch.labels] / 64, maps).relu()
    torch.testing.assert_close(found[:, 0], by_hand)
    head = torch.autograd.grad(
        found.sum(), network[-1].weight, allow_unused=True, retain_graph=True
    )[0]
    assert head is None  # w_c is a constant
    assert torch.autograd.grad(found.sum(), maps)[0].any()


def test_the_error_is_0_if_and_only_if_the_map_is_the_mask(batch):
    assert not map_error(batch.masks, batch.masks).any()
    other = batch.masks.clone()
    other[0, 0, 0, 0] = 0.5
    assert float(map_error(other, batch.masks)) == pytest.approx(0.25 / (6 * 256))


def test_erasing_what_the_class_needs_lowers_the_mining_loss(batch):
    """A class that is told by the brightness inside the lungs, erased there and elsewhere."""
    inside = batch.masks.bool()
    needed, other = (torch.where(inside, high, 1 - high) for high in (1.0, 0.0))

    def probability(activation):
        shown = erase(batch.images, activation, omega=10.0, sigma=0.5)
        bright = (shown * batch.masks).sum(dim=(1, 2, 3)) / batch.masks.sum(dim=(1, 2, 3))
        return torch.sigmoid(20 * bright - 5).mean()

    assert probability(needed) < 0.1
    assert probability(other) > 0.9
    torch.testing.assert_close(
        erase(batch.images, torch.full_like(batch.images, 0.5), omega=10.0, sigma=0.5),
        batch.images / 2,
    )


def test_the_erased_pass_moves_no_statistics(network, batch, weights):
    norm = network[1]
    network.train()
    terms(network, batch, weights)
    assert int(norm.num_batches_tracked) == 1
    assert norm.track_running_stats
    torch.testing.assert_close(
        norm.running_mean, 0.1 * network[0](batch.images).mean(dim=(0, 2, 3)).detach()
    )


@pytest.mark.parametrize("term", ["loss", "map_error", "mining_loss"])
def test_a_step_lowers(term, network, weights, step_lowers):
    """The gradient takes w_c for constants: here they are, where the last layer is frozen."""
    network[-1].requires_grad_(False)
    assert step_lowers(GainObjective(network, weights, GainSettings()), term)


def test_images_without_lungs_are_passed_over(network, weights, without_lungs):
    bare = terms(network, without_lungs(), weights)
    assert not bare["map_error"].any()
    torch.testing.assert_close(bare["loss"], bare["class_loss"] + bare["mining_loss"])


def test_relus_in_place_change_nothing(network, batch, weights):
    network.eval()
    one = terms(network, batch, weights)["loss"]
    for layer in network.modules():
        if isinstance(layer, nn.ReLU):
            layer.inplace = True
    assert terms(network, batch, weights)["loss"].equal(one)


def test_validation_needs_no_graph(network, batch, weights):
    network.eval()
    with torch.no_grad():
        found = GainObjective(network, weights, GainSettings()).validation_terms(batch)
    assert not any(value.requires_grad for value in found.values())
    assert found["map_error"] > 0


def test_a_network_without_relu_layers_is_refused(batch, weights):
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(InputError, match=r"the network has no nn\.ReLU on maps"):
        terms(network, batch, weights)
    with pytest.raises(InputError, match=r"network: the network has no nn\.ReLU"):
        METHODS["gain"].check(network, GainSettings())
