"""Mask-out: a constant background in training, none at run time."""

import torch

from isnet_cxr.classification.methods import METHODS
from isnet_cxr.classification.methods.mask_out import MaskOutObjective, MaskOutSettings


class Sees(torch.nn.Module):
    """Remembers the images it was given."""

    def forward(self, images):
        self.images = images
        return images.mean(dim=(2, 3)).repeat(1, 3)


def test_the_background_is_constant_and_the_lungs_are_kept(batch, weights, generator):
    network = Sees()
    objective = MaskOutObjective(network, weights, MaskOutSettings(share=1.0, grey=0.25))
    objective.training_terms(batch, progress=0.0, generator=generator)
    inside = batch.masks.bool()
    assert network.images[inside].equal(batch.images[inside])
    assert (network.images[~inside] == 0.25).all()


def test_a_prediction_sees_the_whole_image(batch):
    method = METHODS["mask_out"]
    assert method.as_seen(batch.images, batch.masks).equal(batch.images)
    assert not method.needs(MaskOutSettings()).lung_masks_at_run_time
