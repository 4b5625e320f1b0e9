"""Masked input and its opposite, the control: what each network cannot see changes nothing."""

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
