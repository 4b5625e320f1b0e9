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
from isnet_cxr.data.learning.package import read_package, required
from isnet_cxr.data.learning.preprocess import Preprocessing, fit_letterbox, prepare_image
from isnet_cxr.data.readers.masks import MOST_LUNG
from isnet_cxr.data.settings import build_settings
from isnet_cxr.segmentation.network import KIND, NetworkSettings, build_runtime_network
from isnet_cxr.segmentation.postprocess import clean_mask
from isnet_cxr.segmentation.quality import Quality, judge_mask
from isnet_cxr.segmentation.restoring import restore_lungs
from isnet_cxr.segmentation.unet import fold_norms


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
        where, config = f"{package}: ", loaded.config
        shape = build_settings(
            NetworkSettings, required(config, "network", dict, package), where=f"{where}network"
        )
        preprocessing = required(config, "preprocessing", dict, package)
        network = build_runtime_network(shape)
        try:
            network.load_state_dict(loaded.weights)
        except RuntimeError as error:
            raise InputError(
                f"{package}: the weights do not fit the network of config.yaml"
            ) from error
        return cls(
            fold_norms(network),
            build_settings(Preprocessing, preprocessing, where=f"{where}preprocessing"),
            threshold=required(config, "threshold", float, package),
            mirror=required(config, "test_time_mirror", bool, package),
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
        """Decide, clean and judge where the network looked, then go to the image's size.

        Args:
            square: Probabilities of lung, (S, S).
            height: Of the image, in px.
            width: Of the image, in px.
        """
        box = fit_letterbox(height=height, width=width, size_px=len(square))
        probabilities = square[box.window]
        cleaned = clean_mask((probabilities >= self._threshold).view(np.uint8))
        mask = restore_lungs(
            probabilities, cleaned, threshold=self._threshold, height=height, width=width
        )
        if np.count_nonzero(mask) > MOST_LUNG * mask.size:  # by a few pixels more than ``cleaned``
            cleaned, mask = np.zeros_like(cleaned), np.zeros_like(mask)
        verdict = judge_mask(cleaned, probabilities)
        return LungMask(mask, verdict.quality, verdict.reasons)
