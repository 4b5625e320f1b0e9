"""Lung masks for images: from a model package to cleaned, judged masks at full resolution."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning.package import read_package
from isnet_cxr.data.learning.preprocess import Preprocessing, prepare_image, restore_map, shrink
from isnet_cxr.data.manifests.failures import Failure
from isnet_cxr.data.manifests.manifest import validate
from isnet_cxr.data.parallel import map_items
from isnet_cxr.data.readers import UnreadableImage, read_image
from isnet_cxr.data.review.flags import SIZE_PX, suspect_shrunk
from isnet_cxr.data.writers import write_mask
from isnet_cxr.segmentation.network import NetworkSettings, build_network
from isnet_cxr.segmentation.postprocess import clean_mask
from isnet_cxr.segmentation.quality import Quality, Verdict, judge_mask
from isnet_cxr.segmentation.training import KIND

BATCH_SIZE = 16
REASONS = "quality.csv"


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
    def load(cls, package: Path, device: str | torch.device = "cpu") -> "LungSegmenter":
        """Load the model package in the folder ``package``.

        Raises:
            FileNotFoundError: If a file of the package is missing.
            InputError: If it is no lung segmenter, or its weights do not fit its network.
        """
        loaded = read_package(package, kind=KIND)
        settings = loaded.config["network"]
        shape = NetworkSettings(**{**settings, "channels": tuple(settings["channels"])})
        network = build_network(shape, seed=0)
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
        probabilities = self._predict(torch.from_numpy(squares).to(self._device)).cpu().numpy()
        return [
            self._finish(square, height=height, width=width)
            for square, (height, width) in zip(probabilities, sizes, strict=True)
        ]

    @torch.inference_mode()
    def _predict(self, squares: Tensor) -> Tensor:
        """Return probabilities of lung, (B, S, S)."""
        probabilities = torch.sigmoid(self._network(squares))
        if self._mirror:
            mirrored = torch.sigmoid(self._network(squares.flip(-1))).flip(-1)
            probabilities = (probabilities + mirrored) / 2
        return probabilities[:, 0]

    def _finish(self, square: NDArray[np.float32], *, height: int, width: int) -> LungMask:
        """Bring probabilities (S, S) to the image's size, decide, clean and judge."""
        probabilities = restore_map(square, height=height, width=width, nearest=False)
        mask = clean_mask((probabilities >= self._threshold).astype(np.uint8))
        verdict = judge_mask(mask, probabilities)
        return LungMask(mask, verdict.quality, verdict.reasons)


def predict_masks(
    manifest: pd.DataFrame,
    package: Path,
    out: Path,
    *,
    device: str | torch.device = "cpu",
    workers: int = 1,
    progress: bool = True,
) -> tuple[pd.DataFrame, list[Failure]]:
    """Write a lung mask for every image of a manifest.

    Args:
        manifest: Images; masks that it has are not looked at.
        package: Model package of a lung segmenter.
        out: Folder for ``masks/<image_id>.png`` and ``quality.csv`` (verdicts and
            review flags with reasons), made
            if missing.
        device: Where the network runs.
        workers: Number of processes that read.
        progress: Show a progress bar.

    Returns:
        The manifest's readable rows with lung_mask, mask_source "predicted", mask_quality and
        review_flag; and the images that could not be read. An image without lungs has an empty
        mask, quality failed.

    Raises:
        FileNotFoundError: If a file of ``package`` is missing.
        InputError: If ``package`` is no lung segmenter.
    """
    segmenter = LungSegmenter.load(package, device)
    tasks = [_Task(Path(path), segmenter.preprocessing) for path in manifest["path"]]
    outcomes = map_items(
        _prepare, tasks, workers=workers, title="Segmenting lungs", progress=progress
    )
    failures: list[Failure] = []
    found: dict[int, _Found] = {}
    for batch in _batches(_readable(outcomes, tasks, failures)):
        squares = np.stack([prepared.square for _, prepared in batch])
        lungs = segmenter.segment_prepared(squares, [prepared.size for _, prepared in batch])
        for (row, prepared), lung in zip(batch, lungs, strict=True):
            write_mask(lung.mask, _mask_path(out, manifest["image_id"].iloc[row]))
            review_flag = suspect_shrunk(prepared.shrunk, lung.mask)
            found[row] = _Found(Verdict(lung.quality, lung.reasons), review_flag)
    return _record(manifest, found, out), failures


@dataclass(frozen=True)
class _Task:
    path: Path
    settings: Preprocessing


@dataclass(frozen=True)
class _Prepared:
    """An image (1, S, S), its height and width in px before that, and the image for review_flag."""

    square: NDArray[np.float32]
    size: tuple[int, int]
    shrunk: NDArray[np.float32]


@dataclass(frozen=True)
class _Found:
    """What is said of an image's mask, and of the image."""

    verdict: Verdict
    review_flag: tuple[str, ...]


def _prepare(task: _Task) -> _Prepared | str:
    """Return the prepared image, or why there is none."""
    try:
        pixels = read_image(task.path).pixels
    except UnreadableImage as error:
        return error.reason
    size = (pixels.shape[1], pixels.shape[2])
    return _Prepared(prepare_image(pixels, task.settings), size, shrink(pixels[0], SIZE_PX))


def _readable(
    outcomes: Iterable[_Prepared | str], tasks: list[_Task], failures: list[Failure]
) -> Iterator[tuple[int, _Prepared]]:
    """Yield what could be read with its row; add the rest to ``failures``."""
    for row, outcome in enumerate(outcomes):
        if isinstance(outcome, str):
            failures.append(Failure(tasks[row].path, outcome))
        else:
            yield row, outcome


def _batches(
    images: Iterator[tuple[int, _Prepared]],
) -> Iterator[list[tuple[int, _Prepared]]]:
    while batch := list(islice(images, BATCH_SIZE)):
        yield batch


def _mask_path(out: Path, image_id: str) -> Path:
    return out.absolute() / "masks" / f"{image_id}.png"


def _record(manifest: pd.DataFrame, found: dict[int, _Found], out: Path) -> pd.DataFrame:
    """Return the segmented rows with their masks; write why a mask or its image is not good."""
    rows = manifest.iloc[list(found)].assign(
        lung_mask=lambda frame: [str(_mask_path(out, image)) for image in frame["image_id"]],
        mask_source="predicted",
        mask_quality=[one.verdict.quality for one in found.values()],
        review_flag=["; ".join(one.review_flag) for one in found.values()],
    )
    reasons = rows[["image_id", "mask_quality", "review_flag"]].assign(
        reasons=["; ".join(one.verdict.reasons) for one in found.values()]
    )
    out.mkdir(parents=True, exist_ok=True)
    reasons.to_csv(out / REASONS, index=False)
    return validate(rows)
