import pytest
import torch

from isnet_cxr.segmentation.exposure import expose_unevenly


@pytest.fixture
def images():
    grey = 0.2 + 0.6 * torch.rand(16, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    grey[..., :8] = 0  # the padding of a letterbox
    return grey


def exposed(images, most, seed=1):
    return expose_unevenly(images, most=most, generator=torch.Generator().manual_seed(seed))


def test_nothing_to_add_changes_nothing(images):
    torch.testing.assert_close(exposed(images, 0.0), images)


def test_padding_stays_black_and_values_stay_in_range(images):
    changed = exposed(images, 0.3)
    assert (changed[..., :8] == 0).all()
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_more_changes_more(images):
    little, much = ((exposed(images, most) - images).abs().mean() for most in (0.05, 0.2))
    assert 0 < little < much


def test_the_grey_added_differs_by_place_and_by_image(images):
    added = exposed(images.new_full(images.shape, 0.5), 0.1) - 0.5
    assert added.std(dim=(2, 3)).min() > 0
    assert not torch.allclose(added[0], added[1])


def test_the_seed_alone_decides(images):
    torch.testing.assert_close(exposed(images, 0.1), exposed(images, 0.1), rtol=0, atol=0)
