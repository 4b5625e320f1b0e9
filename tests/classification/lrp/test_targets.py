"""What is explained."""

import pytest
import torch

from isnet_cxr.classification.lrp.targets import attribution_targets, choose_classes, log_odds


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(400, 4, generator=torch.Generator().manual_seed(0)).double()


def test_log_odds_are_those_of_the_softmax(logits):
    probabilities = logits.softmax(dim=1)
    torch.testing.assert_close(log_odds(logits), (probabilities / (1 - probabilities)).log())


def test_log_odds_do_not_saturate():
    logits = torch.tensor([[200.0, 0.0]], requires_grad=True)
    odds = log_odds(logits)
    assert odds[0, 0] == 200
    (gradient,) = torch.autograd.grad(odds[0, 0], logits)
    assert gradient.tolist() == [[1.0, -1.0]]


def test_stochastic_is_the_top_class_half_of_the_time(logits):
    generator = torch.Generator().manual_seed(0)
    chosen = choose_classes(logits, strategy="stochastic", generator=generator)[:, 0]
    top = logits.argmax(dim=1)
    assert abs(float((chosen == top).double().mean()) - 0.5) < 0.08
    others = (chosen - top)[chosen != top] % 4
    assert set(others.tolist()) == {1, 2, 3}


@pytest.mark.parametrize(("strategy", "maps"), [("all", 4), ("top", 1), ("lowest", 1)])
def test_strategies_choose_what_they_say(logits, strategy, maps):
    chosen = choose_classes(logits, strategy=strategy)
    assert chosen.shape == (400, maps)
    values = attribution_targets(logits, chosen, target="logit")
    expected = {"all": logits, "top": logits.amax(1, True), "lowest": logits.amin(1, True)}
    torch.testing.assert_close(values, expected[strategy])


def test_the_label_is_explained_when_asked(logits):
    labels = torch.arange(400) % 4
    assert choose_classes(logits, strategy="label", labels=labels)[:, 0].equal(labels)
    with pytest.raises(ValueError, match="needs the images' labels"):
        choose_classes(logits, strategy="label")
