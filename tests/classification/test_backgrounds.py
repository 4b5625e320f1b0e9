"""Mixed backgrounds: the lungs stay the film's own, the rest may be another's."""

import torch

from classification.backgrounds import mix_backgrounds

FILMS = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 1, 8, 8)
MASKS = torch.zeros(6, 1, 8, 8)
MASKS[:, :, 2:6, 2:6] = 1


def mix(share, masks=MASKS):
    generator = torch.Generator().manual_seed(0)
    return mix_backgrounds(FILMS, masks, share=share, generator=generator)


def test_the_lungs_stay_the_films_own():
    inside = MASKS.bool()
    torch.testing.assert_close(mix(1.0)[inside], FILMS[inside])


def test_every_chosen_film_gets_one_other_films_background():
    outside = mix(1.0)[:, 0, 0, 0]
    assert (outside != FILMS[:, 0, 0, 0]).all()
    assert sorted(outside.tolist()) == sorted(FILMS[:, 0, 0, 0].tolist())


def test_the_share_is_kept_and_nothing_changes_without_it():
    assert mix(0.0).equal(FILMS)
    many = torch.rand(400, 1, 2, 2)
    masks = torch.zeros_like(many)
    masks[:, :, 0, 0] = 1
    mixed = mix_backgrounds(many, masks, share=0.3, generator=torch.Generator().manual_seed(1))
    changed = (mixed != many).flatten(1).any(dim=1).double().mean()
    assert abs(float(changed) - 0.3) < 0.08


def test_a_film_without_lungs_is_left_alone():
    masks = MASKS.clone()
    masks[3] = 0
    assert mix(1.0, masks)[3].equal(FILMS[3])
