"""Any ReLU classifier can be prepared; what relevance cannot pass is refused by name."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from isnet_cxr.classification.lrp import prepare


class Functional(nn.Module):
    """A stranger's network: ReLUs as functions, in place and not, a residual sum, pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.last = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        read = F.relu(self.first(images), inplace=True)
        read = F.max_pool2d(read, 2)
        read = read + torch.relu(self.second(read))
        return self.last(self.second(read).relu_().mean(dim=(2, 3)))


class AsLayers(Functional):
    """The same network with its ReLUs as layers."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()

    def forward(self, images: Tensor) -> Tensor:
        read = F.max_pool2d(self.relu(self.first(images)), 2)
        read = read + self.relu(self.second(read))
        return self.last(self.relu(self.second(read)).mean(dim=(2, 3)))


class Gated(nn.Module):
    """An attention's sigmoid, made of layers, multiplies the features."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.attention = nn.Sequential(nn.Conv2d(4, 1, 1), nn.Sigmoid())
        self.last = nn.Linear(4, 2, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        features = self.features(images)
        return self.last((features * self.attention(features)).mean(dim=(2, 3)))


def vgg() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3, padding=1),
        nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 64, 8),
        nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(8, 2),
    )  # fmt: skip


def images() -> Tensor:
    return torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))


def explain(network: nn.Module, **options) -> Tensor:
    prepared = prepare(network.eval(), **options)
    with prepared.record(epsilon=1e-2) as recording:
        logits = network(images())
    heatmaps = recording.heatmaps(logits[:, 0])
    prepared.restore()
    return heatmaps


@pytest.mark.parametrize(("build", "gates"), [(Functional, ()), (vgg, ()), (Gated, ("attention",))])
def test_predictions_stay_and_heatmaps_train_every_kind_of_network(build, gates):
    torch.manual_seed(0)
    network = build().eval()
    expected = network(images())
    prepared = prepare(network, gates=gates)
    torch.testing.assert_close(network(images()), expected)
    with prepared.record() as recording:
        recorded = network(images())
    torch.testing.assert_close(recorded, expected)
    heatmaps = recording.heatmaps(recorded)
    heatmaps.square().sum().backward()
    weights = [p.grad for name, p in network.named_parameters() if name.endswith("weight")]
    assert all(grad is not None and grad.isfinite().all() for grad in weights)
    torch.testing.assert_close(prepared.restore()(images()), expected)


def test_relus_called_as_functions_are_explained_as_layers_are_and_reported():
    torch.manual_seed(0)
    called, layers = Functional(), AsLayers()
    layers.load_state_dict(called.state_dict())
    torch.testing.assert_close(explain(called), explain(layers))
    prepared = prepare(called)
    for _ in range(2):  # reported once
        with prepared.record():
            called(images())
    assert [change.before for change in prepared.changes] == ["relu", "relu", "relu_"]
    assert all("(test_prepare.py:" in change.name for change in prepared.changes)


def test_a_function_that_relevance_cannot_pass_is_named_with_its_place():
    class Smooth(Functional):
        def forward(self, images: Tensor) -> Tensor:
            return self.last(F.gelu(self.first(images)).mean(dim=(2, 3)))

    with pytest.raises(ValueError, match=r"layer '' \(test_prepare.py:\d+\) calls gelu"):
        explain(Smooth())


def test_a_prepared_network_is_not_prepared_again():
    prepared = prepare(vgg())
    with pytest.raises(ValueError, match="layer '1' is prepared already"):
        prepare(prepared.network)
    prepare(prepared.restore()).restore()


def test_what_the_user_calls_beside_the_network_is_left_alone():
    network = vgg().eval()
    prepared = prepare(network)
    with prepared.record() as recording:
        odds = network(images()).softmax(dim=1).log()[:, 0]
    assert recording.heatmaps(odds).isfinite().all()
    assert all("(" not in change.name for change in prepared.changes)


def test_a_gate_must_be_declared_and_takes_no_relevance():
    torch.manual_seed(0)
    network = Gated().eval()
    with pytest.raises(ValueError, match=r"layer 'attention\.1' is a Sigmoid"):
        prepare(network)
    with pytest.raises(ValueError, match=r"no layer 'attention\.9' to be a gate"):
        prepare(network, gates=["attention.9"])
    features = network.features(images())
    gate = network.attention(features).detach()
    heatmaps = explain(network, gates=["attention"])
    constant = nn.Sequential(network.features, Constant(gate), network.last)
    torch.testing.assert_close(heatmaps, explain(constant, also_linear=(Constant,)))


class Constant(nn.Module):
    """Multiplies by a constant and averages."""

    def __init__(self, factor: Tensor) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, features: Tensor) -> Tensor:
        return (features * self.factor).mean(dim=(2, 3))


@pytest.mark.slow  # importing MONAI's networks takes seconds
def test_networks_that_are_no_relu_networks_name_the_layer():
    from monai.networks import nets

    squeeze = nets.SEResNet50(spatial_dims=2, in_channels=1, num_classes=2, layers=(1, 1, 1, 1))
    with pytest.raises(ValueError, match=r"layer 'layer1\.0\..*' is a Sigmoid"):
        prepare(squeeze)
    efficient = nets.EfficientNetBN(
        "efficientnet-b0", pretrained=False, in_channels=1, num_classes=2
    )
    with pytest.raises(ValueError, match=r"layer '.*' is a \w*Swish"):
        prepare(efficient)
