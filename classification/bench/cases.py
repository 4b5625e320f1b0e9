"""The training steps and predictions that are compared, as calls without arguments."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from isnet_cxr.classification.balance import GradientBalance
from isnet_cxr.classification.explanation import explain_images
from isnet_cxr.classification.isnet_settings import IsnetSettings
from isnet_cxr.classification.lrp.targets import AttributionTarget, TargetClass
from isnet_cxr.classification.methods.baseline import ClassObjective
from isnet_cxr.classification.methods.isnet import IsnetObjective
from isnet_cxr.classification.networks import build_network
from isnet_cxr.classification.objective import Batch, Objective

Clipping = Literal["together", "one by one"]
Step = Callable[[], None]


@dataclass(frozen=True)
class BenchSettings:
    """What all cases share.

    Attributes:
        network: Architecture.
        size_px: Side of the square images.
        batch_size: Images per step.
        classes: Outputs, where a case does not say otherwise.
        repeats: Rounds over all cases.
        device: Where the steps are taken: "cpu", or a GPU as torch names it.
    """

    network: str = "densenet121"
    size_px: int = 224
    batch_size: int = 8
    classes: int = 3
    repeats: int = 5
    device: str = "cpu"


@dataclass(frozen=True)
class TrainingCase:
    """One kind of training step.

    Attributes:
        isnet: Whether there is a heatmap loss; baseline training otherwise.
        fraction: Part of the batch that is explained.
        target_class: Which class.
        attribution_target: Its logit or log-odds.
        epsilon: At the ReLUs; 0 is gradient x input.
        clipping: "one by one", the two losses differentiated one after the other; or "together",
            their sum differentiated once, as published, and as training does between the steps
            that measure the gradients (``GradientBalance``).
        deep: Share the heatmap loss with a hidden layer, the middle one of the network's.
        bf16: Under autocast.
        classes: Outputs; None takes the bench's.
    """

    isnet: bool = True
    fraction: float = 1.0
    target_class: TargetClass | Literal["dual"] = "random"
    attribution_target: AttributionTarget = "log_odds"
    epsilon: float = 5e-2
    clipping: Clipping = "together"
    deep: bool = False
    bf16: bool = False
    classes: int | None = None


TRAINING_CASES: dict[str, TrainingCase] = {
    "baseline": TrainingCase(isnet=False),
    "random": TrainingCase(),
    "random 1/2": TrainingCase(fraction=0.5),
    "random 1/4": TrainingCase(fraction=0.25),
    "random, clipped one by one": TrainingCase(clipping="one by one"),
    "random 1/2, clipped one by one": TrainingCase(fraction=0.5, clipping="one by one"),
    "random 1/4, clipped one by one": TrainingCase(fraction=0.25, clipping="one by one"),
    "selective": TrainingCase(target_class="lowest"),
    "stochastic": TrainingCase(target_class="stochastic", attribution_target="logit"),
    "stochastic, 2 classes": TrainingCase(
        target_class="stochastic", attribution_target="logit", classes=2
    ),
    "stochastic, 14 classes": TrainingCase(
        target_class="stochastic", attribution_target="logit", classes=14
    ),
    "original, 3 classes": TrainingCase(target_class="all", attribution_target="logit", classes=3),
    "original, 7 classes": TrainingCase(target_class="all", attribution_target="logit", classes=7),
    "dual": TrainingCase(target_class="dual"),
    "deep supervision": TrainingCase(deep=True),
    "gradient x input": TrainingCase(epsilon=0.0),
    "baseline, bf16": TrainingCase(isnet=False, bf16=True),
    "random, bf16": TrainingCase(bf16=True),
}

PREDICTION_CASES = ("prediction", "prediction with heatmap")


def case_step(name: str, settings: BenchSettings) -> Step:
    """Return one step of a case of ``TRAINING_CASES`` or ``PREDICTION_CASES``."""
    if name in TRAINING_CASES:
        return training_step(TRAINING_CASES[name], settings)
    return prediction_steps(settings)[name]


def training_step(case: TrainingCase, settings: BenchSettings) -> Step:
    """Return a whole step of ``case``: forward, losses, gradients, optimizer."""
    classes = case.classes or settings.classes
    device = torch.device(settings.device)
    network = build_network(settings.network, classes=classes, seed=0).to(device).train()
    parameters = list(network.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-5)
    batch = made_batch(settings, classes=classes)
    generator = torch.Generator().manual_seed(0)
    objective = _objective(case, network, classes)
    balance = GradientBalance()

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=case.bf16):
            terms = objective.training_terms(batch, progress=0.0, generator=generator)
        loss = terms["loss"]
        if case.isnet and case.clipping == "one by one":
            loss = balance(terms, parameters)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def _objective(case: TrainingCase, network: nn.Module, classes: int) -> Objective:
    class_weights = torch.ones(classes, device=next(network.parameters()).device)
    if not case.isnet:
        return ClassObjective(network, class_weights)
    isnet = IsnetSettings(
        fraction=case.fraction,
        target_class=case.target_class,
        attribution_target=case.attribution_target,
        exchange_share=0.0,
        deep_layers=(_middle_layer(network),) if case.deep else (),
    )
    return IsnetObjective(network, class_weights, isnet, epsilon=case.epsilon)


def _middle_layer(network: nn.Module) -> str:
    """Name the middle one of the pooling layers, where features are made coarser."""
    pools = nn.MaxPool2d | nn.AvgPool2d
    names = [name for name, layer in network.named_modules() if isinstance(layer, pools)]
    return str(names[len(names) // 2])


def prediction_steps(settings: BenchSettings) -> dict[str, Step]:
    """Return prediction alone, and with a heatmap of every image's top class, by case."""
    network = build_network(settings.network, classes=settings.classes, seed=0)
    network = network.to(settings.device).eval()
    images = made_batch(settings, classes=settings.classes).images

    def predict() -> None:
        with torch.no_grad():
            network(images)

    def explain() -> None:
        explain_images(network, images)

    return dict(zip(PREDICTION_CASES, (predict, explain), strict=True))


def made_batch(settings: BenchSettings, *, classes: int) -> Batch:
    """Return noise images with a rectangle for lungs: speed does not depend on the pixels."""
    side = settings.size_px
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(settings.batch_size, 1, side, side, generator=generator)
    masks = torch.zeros_like(images)
    masks[..., side // 4 : -side // 4, side // 4 : -side // 4] = 1
    labels = torch.arange(settings.batch_size) % classes
    return Batch(*(tensor.to(settings.device) for tensor in (images, masks, labels)))
