"""Lung masks for images: from a model package to cleaned, judged masks at full resolution.

Part of the way to a prediction: nothing of training and no table library is imported here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning.package import read_package
from isnet_cxr.data.learning.preprocess import Preprocessing, prepare_image, restore_map
from isnet_cxr.segmentation.network import KIND, NetworkSettings, build_runtime_network
from isnet_cxr.segmentation.postprocess import clean_mask
from isnet_cxr.segmentation.quality import Quality, judge_mask, thin_out


@dataclass(frozen=True)
class LungMask:
    """An image's lungs.

    Attributes:
        mask: 1 in the lungs, uint8 (H, W), the image's size; all 0 when none were found.
        quality: Verdict on the mask, see ``isnet_cxr.segmentation.quality``.
        reasons: Why it is not good.
    """

    mask: NDArray[np.uint8]
    quality: Quality
    reasons: tuple[str, ...]


class LungSegmenter:
    """A trained network with its preprocessing, threshold and cleaning."""

    def __init__(
        self,
        network: nn.Module,
        preprocessing: Preprocessing,
        *,
        threshold: float,
        mirror: bool = False,
        device: str | torch.device = "cpu",
    ) -> None:
        """Make a segmenter of a network; ``load`` makes one of a package.

        Args:
            network: Maps images (B, 1, S, S) to logits.
            preprocessing: What it was trained with.
            threshold: Probability from which a pixel is lung.
            mirror: Segment every image mirrored too, and average the probabilities.
            device: Where the network runs.
        """
        self._network = network.to(device).eval()
        self.preprocessing = preprocessing
        self._threshold = threshold
        self._mirror = mirror
        self._device = torch.device(device)

    @classmethod
    def load(cls, package: Path | str, device: str | torch.device = "cpu") -> "LungSegmenter":
        """Load the model package in the folder ``package``.

        Raises:
            FileNotFoundError: If a file of the package is missing.
            InputError: If it is no lung segmenter, or its weights do not fit its network.
        """
        loaded = read_package(package, kind=KIND)
        settings = loaded.config["network"]
        shape = NetworkSettings(**{**settings, "channels": tuple(settings["channels"])})
        network = build_runtime_network(shape)
        try:
            network.load_state_dict(loaded.weights)
        except RuntimeError as error:
            raise InputError(
                f"{package}: the weights do not fit the network of config.yaml"
            ) from error
        return cls(
            network,
            Preprocessing(**loaded.config["preprocessing"]),
            threshold=loaded.config["threshold"],
            mirror=loaded.config["test_time_mirror"],
            device=device,
        )

    def segment(self, pixels: NDArray[np.float32]) -> LungMask:
        """Segment one image, float32 (1, H, W) in [0, 1], as its reader returned it."""
        square = prepare_image(pixels, self.preprocessing)
        return self.segment_prepared(square[np.newaxis], [pixels.shape[1:]])[0]

    def segment_prepared(
        self, squares: NDArray[np.float32], sizes: Sequence[tuple[int, int]]
    ) -> list[LungMask]:
        """Segment images in one pass of the network.

        Args:
            squares: Images as ``prepare_image`` returns them, (B, 1, S, S).
            sizes: Height and width of each image before that, in px: the sizes of the masks.
        """
        return [
            self._finish(square, height=height, width=width)
            for square, (height, width) in zip(self.probabilities(squares), sizes, strict=True)
        ]

    def probabilities(self, squares: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's probabilities of lung, (B, S, S), of prepared images."""
        passed = self._predict(torch.from_numpy(squares).to(self._device))
        return np.asarray(passed.cpu().numpy())

    @torch.inference_mode()
    def _predict(self, squares: Tensor) -> Tensor:
        """Return probabilities of lung, (B, S, S).

        An image and its mirror image pass together: on a CPU, two at once take less time than two
        one by one, and more at once take no less.
        """
        if not self._mirror:
            return torch.sigmoid(self._network(squares))[:, 0]
        both = torch.sigmoid(self._network(torch.cat([squares, squares.flip(-1)])))
        straight, mirrored = both.chunk(2)
        return ((straight + mirrored.flip(-1)) / 2)[:, 0]

    def _finish(self, square: NDArray[np.float32], *, height: int, width: int) -> LungMask:
        """Bring probabilities (S, S) to the image's size, decide, clean and judge."""
        probabilities = restore_map(square, height=height, width=width, nearest=False)
        lungs, thin = probabilities >= self._threshold, thin_out(probabilities).copy()
        del probabilities  # the largest of all arrays, and no longer needed
        mask = clean_mask(lungs.view(np.uint8))
        verdict = judge_mask(mask, thin)
        return LungMask(mask, verdict.quality, verdict.reasons)
