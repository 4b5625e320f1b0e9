"""A trained classifier, loaded from its package: probabilities and heatmaps."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isnet_cxr.classification.attribution import Attribution
from isnet_cxr.classification.explanation import IMAGES_AT_ONCE, Explanation, explain_images
from isnet_cxr.classification.methods import METHODS, attribution_of, needs_of
from isnet_cxr.classification.reading import new_network, read_classifier
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.classification.temperature import COLDEST, HOTTEST, apply_temperature
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning.package import read_package, required

KIND = "classifier"


class Classifier:
    """A network in evaluation mode and what is needed to feed it.

    Attributes:
        classes: Names, in the order of the outputs.
        settings: Of its training; ``settings.preprocessing`` is how images must be prepared.
        network: The network itself.
        temperature: What makes its probabilities calibrated; None where it is not known.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        classes: list[str],
        settings: ClassifierSettings,
        temperature: float | None = None,
    ) -> None:
        """Wrap ``network``, which is switched to evaluation mode."""
        self.network = network.eval()
        self.classes = classes
        self.settings = settings
        self.temperature = temperature

    @classmethod
    def load(cls, package: Path | str, device: str | torch.device = "cpu") -> "Classifier":
        """Load a package.

        Raises:
            FileNotFoundError: If a file of it is missing.
            InputError: If it is no classifier's, of a later version, damaged or changed, or its
                weights do not fit its network.
        """
        stored = read_package(package, kind=KIND)
        values = required(stored.config, "settings", dict, package)
        settings = read_classifier(values, where=f"{package}: settings")
        classes = [str(name) for name in required(stored.config, "classes", list, package)]
        network = new_network(settings, classes=len(classes), seed=0, trusted=False)
        try:
            network.load_state_dict(stored.weights)
        except RuntimeError:
            raise InputError(
                f"{package}: the weights do not fit the network of config.yaml"
            ) from None
        temperature = _read_temperature(stored.config, package)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster on CPUs
        return cls(network.to(device), classes=classes, settings=settings, temperature=temperature)

    @property
    def needs_masks(self) -> bool:
        """Whether predictions need lung masks."""
        return needs_of(self.settings).lung_masks_at_run_time

    @property
    def attribution(self) -> Attribution:
        """How heatmaps are made, as its method says."""
        return attribution_of(self.settings)

    @torch.inference_mode()
    def predict(
        self, images: NDArray[np.uint8], masks: NDArray[np.uint8] | None = None
    ) -> NDArray[np.float32]:
        """Return class probabilities, (N, C).

        Args:
            images: Prepared images, uint8 (N, S, S).
            masks: 1 in the lungs, uint8 (N, S, S); needed if ``needs_masks``.

        Raises:
            TypeError: If images or masks are not uint8.
            InputError: If a shape is wrong, a mask holds more than 0 and 1, or masks are needed
                and missing.
        """
        inputs = self._inputs(images, masks)
        parts = [
            self.network(part).float().softmax(dim=1)
            for part in torch.split(inputs, IMAGES_AT_ONCE)
        ]
        return np.asarray(torch.cat(parts).cpu().numpy())

    def calibrate(self, probabilities: NDArray[np.float32]) -> NDArray[np.float64] | None:
        """Return calibrated probabilities (..., C) of probabilities; None where nobody knows how.

        They rank the classes of an image as the probabilities do.
        """
        if self.temperature is None:
            return None
        return apply_temperature(probabilities, self.temperature)

    def explain(
        self,
        images: NDArray[np.uint8],
        masks: NDArray[np.uint8] | None = None,
        *,
        explained: str = "predicted",
    ) -> Explanation:
        """Predict, and map the relevance of every pixel for one class.

        Args:
            images: Prepared images, (N, S, S).
            masks: 1 in the lungs, (N, S, S), for the share of relevance inside them.
            explained: A class name, or "predicted": each image's own most probable class.

        Raises:
            TypeError: If images or masks are not uint8.
            InputError: If the class is unknown, a shape is wrong, a mask holds more than 0 and 1,
                or masks are needed and missing.
        """
        if explained != "predicted" and explained not in self.classes:
            raise InputError(f"unknown class {explained!r}: expected one of {self.classes}")
        label = None if explained == "predicted" else self.classes.index(explained)
        inputs = self._inputs(images, masks)
        lungs = None if masks is None else torch.from_numpy(masks)[:, None].to(inputs.device)
        return explain_images(
            self.network, inputs, lungs,
            label=label, epsilon=self.settings.epsilon, attribution=self.attribution,
        )  # fmt: skip

    def _inputs(self, images: NDArray[np.uint8], masks: NDArray[np.uint8] | None) -> Tensor:
        """Return network inputs (N, 1, S, S) in [0, 1], on the network's device."""
        _check(images, masks)
        if self.needs_masks and masks is None:
            raise InputError("this classifier was trained on masked images: give lung masks")
        device = next(self.network.parameters()).device
        inputs = torch.from_numpy(np.ascontiguousarray(images))[:, None].to(device).float() / 255
        if masks is None:
            return inputs
        lungs = torch.from_numpy(np.ascontiguousarray(masks))[:, None].to(inputs)
        return METHODS[self.settings.method].as_seen(inputs, lungs)


def _read_temperature(config: dict[str, Any], package: Path | str) -> float | None:
    """Return the temperature in a package's configuration; None where there is none."""
    if config.get("calibration") is None:
        return None
    calibration = required(config, "calibration", dict, package)
    temperature = calibration.get("temperature")
    if not isinstance(temperature, float) or not COLDEST <= temperature <= HOTTEST:
        raise InputError(
            f"{package}: config.yaml: calibration.temperature: expected a number from {COLDEST} "
            f"to {HOTTEST}, got {temperature!r}"
        )
    return temperature


def _check(images: NDArray[np.uint8], masks: NDArray[np.uint8] | None) -> None:
    """Refuse what the network would take without a word and answer wrongly."""
    for name, array in (("images", images), ("masks", masks)):
        if array is not None and array.dtype != np.uint8:
            raise TypeError(
                f"{name} must be uint8 ({'0 to 255' if name == 'images' else '0 or 1'}), "
                f"got {array.dtype}"
            )
    if images.ndim != 3:  # noqa: PLR2004 - (N, S, S)
        raise InputError(f"images must be (N, S, S), got {images.shape}")
    if masks is None:
        return
    if masks.shape != images.shape:
        raise InputError(f"masks must be {images.shape}, got {masks.shape}")
    if masks.size and masks.max() > 1:
        raise InputError(f"masks must be 0 or 1, got {masks.max()}")
