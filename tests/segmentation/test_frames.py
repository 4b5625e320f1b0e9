import pytest
import torch

from segmentation.frames import WIDEST, add_frames


@pytest.fixture
def films():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(40, 1, 50, 100, generator=generator), torch.ones(40, 1, 50, 100)


def frame(films, share, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return add_frames(*films, share=share, generator=generator)


def test_no_share_changes_nothing(films):
    images, masks = frame(films, 0.0)
    torch.testing.assert_close(images, films[0], rtol=0, atol=0)
    torch.testing.assert_close(masks, films[1], rtol=0, atol=0)


def test_about_the_share_of_the_films_is_framed(films):
    _, masks = frame(films, 0.5)
    framed = (masks == 0).flatten(1).any(1).sum().item()
    assert 10 <= framed <= 30


def test_a_frame_is_of_one_grey_and_no_lung(films):
    images, masks = frame(films, 1.0)
    for film, mask, original in zip(images, masks, films[0], strict=True):
        covered = film[mask == 0]
        assert covered.unique().numel() <= 1
        torch.testing.assert_close(film[mask == 1], original[mask == 1], rtol=0, atol=0)


def test_no_side_is_wider_than_the_widest(films):
    _, masks = frame(films, 1.0)
    rows, columns = int(50 * WIDEST) + 1, int(100 * WIDEST) + 1
    assert masks[..., rows:-rows, columns:-columns].all()
    assert (masks == 0).any(dim=0).flatten().sum() > 0
