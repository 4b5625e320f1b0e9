import pytest
import torch

from isnet_cxr.segmentation.devices import add_devices


@pytest.fixture
def images():
    return torch.rand(40, 1, 64, 96, generator=torch.Generator().manual_seed(0))


def covered(images, share, seed=1):
    return add_devices(images, share=share, generator=torch.Generator().manual_seed(seed))


def test_no_share_changes_nothing(images):
    torch.testing.assert_close(covered(images, 0.0), images, rtol=0, atol=0)


def test_about_the_share_of_the_images_gets_some(images):
    changed = (covered(images, 0.5) != images).flatten(1).any(1).sum().item()
    assert 10 <= changed <= 30


def test_devices_leave_most_of_an_image(images):
    laid = covered(images, 1.0)
    assert 0.01 < (laid != images).float().mean() < 0.35
    assert laid.min() >= 0
    assert laid.max() <= 1


def test_the_seed_alone_decides(images):
    torch.testing.assert_close(covered(images, 0.5), covered(images, 0.5), rtol=0, atol=0)
    assert not torch.equal(covered(images, 0.5, seed=2), covered(images, 0.5, seed=3))
