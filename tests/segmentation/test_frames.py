import pytest
import torch

from isnet_cxr.segmentation.frames import WIDEST, add_frames


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(40, 1, 50, 100, generator=generator), torch.ones(40, 1, 50, 100)


def frame(images, share, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return add_frames(*images, share=share, generator=generator)


def test_no_share_changes_nothing(images):
    framed, masks = frame(images, 0.0)
    torch.testing.assert_close(framed, images[0], rtol=0, atol=0)
    torch.testing.assert_close(masks, images[1], rtol=0, atol=0)


def test_about_the_share_of_the_images_is_framed(images):
    _, masks = frame(images, 0.5)
    framed = (masks == 0).flatten(1).any(1).sum().item()
    assert 10 <= framed <= 30


def test_a_frame_is_of_one_grey_and_no_lung(images):
    framed, masks = frame(images, 1.0)
    for image, mask, original in zip(framed, masks, images[0], strict=True):
        covered = image[mask == 0]
        assert covered.unique().numel() <= 1
        torch.testing.assert_close(image[mask == 1], original[mask == 1], rtol=0, atol=0)


def test_no_side_is_wider_than_the_widest(images):
    _, masks = frame(images, 1.0)
    rows, columns = int(50 * WIDEST) + 1, int(100 * WIDEST) + 1
    assert masks[..., rows:-rows, columns:-columns].all()
    assert (masks == 0).any(dim=0).flatten().sum() > 0
