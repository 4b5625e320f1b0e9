"""Every variant of the ISNet: its loss has the gradient it should, and training lowers it."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from isnet_cxr.classification.isnet_settings import IsnetSettings
from isnet_cxr.classification.methods.isnet import IsnetObjective
from isnet_cxr.classification.objective import Batch
from isnet_cxr.classification.variants import build_explainer

VARIANTS: dict[str, dict[str, Any]] = {
    "original": {"target_class": "all", "attribution_target": "logit"},
    "stochastic": {"target_class": "stochastic", "attribution_target": "logit"},
    "selective": {"target_class": "lowest"},
    "top": {"target_class": "top"},
    "label": {"target_class": "label"},
    "random": {"target_class": "random"},
    "dual": {"target_class": "dual"},
    "gradient x input": {"target_class": "top", "epsilon": 0.0, "first_rule": "epsilon"},
    "original, deep": {
        "target_class": "all",
        "attribution_target": "logit",
        "deep_layers": ("2", "5"),
    },
    "dual, deep": {"target_class": "dual", "deep_layers": ("2", "5")},
}
RANGE = (0.05, 0.3)


def network(*, norm: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4) if norm else nn.Identity(),
        nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(20, 3),
    )  # fmt: skip


def batch(*, images: int = 4) -> Batch:
    generator = torch.Generator().manual_seed(1)
    masks = torch.zeros(images, 1, 10, 8)
    masks[:, :, 3:7, 2:5] = 1
    labels = torch.arange(images) % 3
    pixels = torch.rand(images, 1, 10, 8, generator=generator)
    pixels[:, :, 4:6, 3] = (labels / 2)[:, None, None]
    return Batch(pixels, masks, labels)


def objective(model: nn.Module, **options: Any) -> IsnetObjective:
    options = {"fraction": 1.0, "exchange_share": 0.0, "decay": 0.9, **options}
    epsilon = options.pop("epsilon", 5e-2)
    settings = IsnetSettings(**options, foreground_range=RANGE)
    return IsnetObjective(model, torch.ones(3), settings, epsilon=epsilon)


def terms(scorer: IsnetObjective, images: Batch) -> dict[str, Tensor]:
    return scorer.training_terms(images, progress=0.5, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_a_variants_gradient_matches_finite_differences(variant):
    """Along random directions in the space of all weights."""
    model, images = network().double(), batch()
    images = replace(images, images=images.images.double())
    scorer = objective(model, **VARIANTS[variant])
    loss = terms(scorer, images)["heatmap_loss"]
    assert loss.dtype == torch.float64
    weights = list(model.parameters())
    gradients = torch.autograd.grad(loss, weights, materialize_grads=True)
    assert sum(gradient.abs().sum() for gradient in gradients) > 0
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        ways = [torch.randn(w.shape, generator=generator).double() for w in weights]
        values = []
        for step in (1e-8, -2e-8, 1e-8):  # short: ReLUs that switch on in between have kinks
            with torch.no_grad():
                for weight, way in zip(weights, ways, strict=True):
                    weight.add_(step * way)
            values.append(terms(scorer, images)["heatmap_loss"].item())
        slope = sum(
            (gradient * way).sum().item() for gradient, way in zip(gradients, ways, strict=True)
        )
        assert (values[0] - values[1]) / 2e-8 == pytest.approx(slope, rel=1e-5, abs=1e-6)


def test_originals_loss_is_the_mean_of_the_single_classes():
    model, images = network().double(), batch(images=3)
    images = replace(images, images=images.images.double())
    original = terms(objective(model, target_class="all", attribution_target="logit"), images)[
        "heatmap_loss"
    ]
    singles = [
        terms(
            objective(network().double(), target_class="label", attribution_target="logit"),
            replace(images, labels=torch.full((3,), label)),
        )["heatmap_loss"]
        for label in range(3)
    ]
    torch.testing.assert_close(original, torch.stack(singles).mean())


def test_dual_is_the_layerwise_engines_two_maps():
    explained = build_explainer(
        network(), IsnetSettings(target_class="dual"), epsilon=5e-2
    ).explain(batch().images, batch().labels, generator=None)
    maps = explained.heatmaps["pixels"]
    assert maps.shape == (4, 2, 1, 10, 8)
    assert (maps[:, 0] >= 0).all()
    assert (maps[:, 1] < 0).any()


def test_no_epsilon_and_no_zb_rule_is_gradient_times_input():
    model, images = network(), batch()
    settings = IsnetSettings(first_rule="epsilon", target_class="label", attribution_target="logit")
    inputs = images.images.clone().requires_grad_()
    chosen = model(inputs).gather(1, images.labels[:, None]).sum()
    (gradient,) = torch.autograd.grad(chosen, inputs)
    explained = build_explainer(model, settings, epsilon=0.0).explain(
        images.images, images.labels, generator=None
    )
    torch.testing.assert_close(explained.heatmaps["pixels"][:, 0], images.images * gradient)


def test_every_deep_layer_has_its_own_range():
    model, options = network(), {"target_class": "all", "deep_layers": ("2", "5")}
    settings = IsnetSettings(fraction=1.0, exchange_share=0, foreground_range=RANGE, **options)
    shared = IsnetObjective(model, torch.ones(3), settings)
    wide = {"2": (1e-9, 1e9), "5": (1e-9, 1e9)}
    free = IsnetObjective(network(), torch.ones(3), settings, foreground_ranges=wide)
    only = IsnetObjective(network(), torch.ones(3), replace(settings, deep_layers=()))
    foregrounds = [terms(each, batch())["foreground_loss"].item() for each in (shared, free, only)]
    assert foregrounds[1] == pytest.approx(foregrounds[2] / 3)  # nothing is lost at hidden layers
    assert foregrounds[0] > foregrounds[1]


def test_validation_draws_nothing_and_explains_what_training_explains():
    images = batch()
    for drawn in ("random", "stochastic"):
        got = objective(network(), target_class=drawn).validation_terms(images)["heatmap_loss"]
        top = objective(network(), target_class="top").validation_terms(images)["heatmap_loss"]
        torch.testing.assert_close(got, top)
    for explained in ("all", "lowest", "label", "dual"):
        scorer = objective(network(), target_class=explained)
        validated = scorer.validation_terms(images)["heatmap_loss"]
        torch.testing.assert_close(validated, terms(scorer, images)["heatmap_loss"].detach())
        assert not torch.isclose(validated, top)


def test_images_without_lungs_are_in_the_class_loss_only():
    images = batch()
    images.masks[1] = 0
    scored = terms(objective(network(), target_class="top"), images)
    others = Batch(images.images[[0, 2, 3]], images.masks[[0, 2, 3]], images.labels[[0, 2, 3]])
    expected = terms(objective(network(), target_class="top"), others)
    torch.testing.assert_close(scored["heatmap_loss"], expected["heatmap_loss"])
    assert scored["logits"].shape == (4, 3)
    assert scored["class_loss"] != expected["class_loss"]


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_training_lowers_every_variants_loss(variant):
    model, images = network(norm=True), batch(images=12)
    scorer = objective(model, **VARIANTS[variant])
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

    def whole_loss() -> tuple[float, float]:
        found = scorer.validation_terms(images)
        return found["heatmap_loss"].item(), found["class_loss"].item()

    before = whole_loss()
    for _ in range(60):
        optimizer.zero_grad()
        terms(scorer, images)["loss"].backward()
        optimizer.step()
    after = whole_loss()
    assert after[0] < 0.7 * before[0]
    assert after[1] < before[1]


def test_an_unknown_deep_layer_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"deep_layers: the network has no layer 'x', .* 0, 1, 2"):
        objective(network(), deep_layers=("x",))
