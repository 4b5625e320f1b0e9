"""Masked input and the two controls: what each network cannot see changes nothing."""

import pytest
import torch

from isnet_cxr.classification.methods import METHODS


@pytest.mark.parametrize(("name", "unseen"), [("masked_input", 0.0), ("background_only", 1.0)])
def test_logits_do_not_depend_on_what_is_hidden(name, unseen, network, batch):
    method = METHODS[name]
    network.eval()
    changed = batch.images.clone()
    hidden = batch.masks == unseen
    changed[hidden] = torch.rand(int(hidden.sum()))
    with torch.no_grad():
        one, other = (network(method.as_seen(x, batch.masks)) for x in (batch.images, changed))
        shown, seen = batch.images.clone(), batch.masks != unseen
        shown[seen] = torch.rand(int(seen.sum()))
        third = network(method.as_seen(shown, batch.masks))
    assert one.equal(other)
    assert not one.equal(third)


def test_the_outline_alone_is_what_the_masks_tell(network, batch):
    method = METHODS["outline_only"]
    network.eval()
    other = torch.rand_like(batch.images)
    moved = batch.masks.roll(2, dims=-1)
    with torch.no_grad():
        one, same, third = (
            network(method.as_seen(images, masks))
            for images, masks in ((batch.images, batch.masks), (other, batch.masks),
                                  (batch.images, moved))
        )  # fmt: skip
    assert one.equal(same)
    assert not one.equal(third)
