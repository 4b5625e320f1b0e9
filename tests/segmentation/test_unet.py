"""The network for run time equals the one that is trained."""

import pytest
import torch

from isnet_cxr.segmentation.network import NetworkSettings, build_network, build_runtime_network
from isnet_cxr.segmentation.unet import fold_norms


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("units", [0, 1, 2, 3])
@pytest.mark.parametrize("channels", [(4, 6), (4, 8, 8), (3, 5, 7, 7)])
def test_it_loads_the_trained_weights_unchanged_and_gives_the_same_logits(norm, units, channels):
    settings = NetworkSettings(channels=channels, residual_units=units, norm=norm)
    trained = build_network(settings, seed=1)
    images = torch.rand(2, 1, 32, 48, generator=torch.Generator().manual_seed(0))
    trained(images)  # running averages that are not the first ones
    runtime = build_runtime_network(settings)
    runtime.load_state_dict(trained.state_dict())
    with torch.inference_mode():
        expected = trained.eval()(images)
        torch.testing.assert_close(runtime.eval()(images), expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(fold_norms(runtime)(images), expected, rtol=1e-5, atol=1e-5)
    left = [part for part in runtime.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    assert not left, "no norm takes time any more"


def test_fewer_than_two_levels_are_refused():
    with pytest.raises(ValueError, match="at least two levels"):
        build_runtime_network(NetworkSettings(channels=(4,)))
