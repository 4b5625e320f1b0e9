"""Image -> prediction, written once: for folders, tests of studies and sample pages.

>>> predictor = Predictor.load(Path("package"))
>>> predictor.predict([read_image(path).pixels])[0].predicted

On the way to a prediction stand torch, the two networks and the readers; nothing of training,
tracking or plotting is imported here (a test holds that).
"""

from collections.abc import Sequence
from copy import copy, deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from isnet_cxr.classification.classifier import Classifier
from isnet_cxr.classification.explanation import Explanation
from isnet_cxr.classification.hastening import calls_rows_whole, hasten
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.finding import Found
from isnet_cxr.data.gate.gate import Gate, Seen
from isnet_cxr.data.gate.package import read_gate
from isnet_cxr.data.gate.verdict import Verdict
from isnet_cxr.data.learning.package import lungs_in
from isnet_cxr.data.learning.preprocess import prepare_image, prepare_mask, to_bytes
from isnet_cxr.data.manifests.records import image_id
from isnet_cxr.data.readers import Radiograph
from isnet_cxr.data.review.flags import suspect_prepared
from isnet_cxr.segmentation.segmenter import LungMask, LungSegmenter


class NoLungsError(InputError):
    """No lungs were found in an image, and the classifier cannot do without."""


@dataclass(frozen=True)
class Prediction:
    """What is known of one image.

    Attributes:
        image_id: Hash of the image's pixels.
        classes: Names, in the order of the probabilities.
        probabilities: Of every class, (C,).
        explained: The class whose relevance is mapped; empty where nothing was explained.
        heatmap: Signed relevance for that class, (S, S), in the geometry of the network's input;
            (0, 0) where nothing was explained.
        relevance_inside_lungs: Share of |relevance| inside the lungs, 0 to 1; NaN without a mask.
        image: As the network saw it, uint8 (S, S).
        mask: 1 in the lungs, uint8 (S, S); all 0 where no lungs are known.
        pixels: As read, (1, H, W) in [0, 1]; None for an image that came prepared.
        lungs: Mask and verdict of the segmenter, (H, W); None without one.
        calibrated: The probabilities as the package's temperature changes them; None without one.
        flags: Review flags: why a person should look at the image.
        gate: Whether this is a frontal chest radiograph at all; None where nobody asked.
        source: The file that the image was read from, for outputs that refer to it (see
            ``data.finding.lent``); None for images that came as arrays. It names a file: nothing of
            it belongs into what leaves the place where the images are.
    """

    image_id: str
    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]
    explained: str
    heatmap: NDArray[np.float32]
    relevance_inside_lungs: float
    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    pixels: NDArray[np.float32] | None = None
    lungs: LungMask | None = None
    calibrated: NDArray[np.float64] | None = None
    flags: tuple[str, ...] = ()
    gate: Verdict | None = None
    source: Found | None = field(default=None, repr=False)

    @property
    def predicted(self) -> str:
        """The most probable class."""
        return self.classes[int(self.probabilities.argmax())]


class Predictor:
    """A classifier, a lung segmenter if there is one, and the gate before both."""

    def __init__(
        self,
        classifier: Classifier,
        segmenter: LungSegmenter | None = None,
        gate: Gate | None = None,
    ) -> None:
        """Join them; ``load`` reads them from packages. By default the gate has no statistics."""
        self.classifier = classifier
        self.segmenter = segmenter
        self.gate = Gate() if gate is None else gate

    @classmethod
    def load(
        cls,
        package: Path | str,
        lungs: Path | str | None = None,
        *,
        device: str | torch.device = "cpu",
    ) -> "Predictor":
        """Load a classifier's package.

        Args:
            package: The classifier's.
            lungs: The lung segmenter's; None takes the one in ``package``, if there is one.
            device: Where both networks run.

        Raises:
            FileNotFoundError: If a file of a package is missing.
            InputError: If a package is of another kind or damaged.
        """
        package = Path(package)
        classifier = Classifier.load(package, device)
        lungs = lungs_in(package) if lungs is None else lungs
        segmenter = None if lungs is None else LungSegmenter.load(lungs, device)
        return cls(classifier, segmenter, Gate(read_gate(package)))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the probabilities."""
        return tuple(self.classifier.classes)

    @property
    def device(self) -> str:
        """What the classifier runs on."""
        return str(next(self.classifier.network.parameters()).device)

    def check(self, explained: str = "predicted") -> None:
        """Say before any image is read what cannot work.

        Raises:
            InputError: If there is no class ``explained``, or masks are needed and no segmenter is
                there to make them.
        """
        if explained not in ("predicted", *self.classes):
            known = ", ".join(self.classes)
            raise InputError(f"unknown class {explained!r}, expected one of: {known}")
        if self.classifier.needs_masks and self.segmenter is None:
            raise InputError("this classifier needs lung masks; name a segmenter by --lungs")

    def segment(self, pixels: NDArray[np.float32]) -> LungMask | None:
        """Find the lungs of an image (1, H, W) in [0, 1]; None without a segmenter.

        Raises:
            NoLungsError: If there are none, and the classifier needs them.
        """
        lungs = None if self.segmenter is None else self.segmenter.segment(pixels)
        if self.classifier.needs_masks and (lungs is None or not lungs.mask.any()):
            raise NoLungsError("no lungs found, and this classifier needs them")
        return lungs

    def look(self, pixels: NDArray[np.float32], lungs: LungMask | None) -> Seen:
        """Return an image (1, H, W) as the classifier sees it; ``lungs`` as of ``segment``."""
        settings = self.classifier.settings.preprocessing
        square = to_bytes(prepare_image(pixels, settings)[0])
        mask = None if lungs is None else prepare_mask(lungs.mask, settings.size_px)
        return Seen(square, mask)

    def judge(self, image: Radiograph, lungs: LungMask | None, seen: Seen | None = None) -> Verdict:
        """Say whether an image is a frontal chest radiograph.

        Nothing here is predicted: whoever calls decides what becomes of a refused image.

        Args:
            image: As its reader returned it.
            lungs: What ``segment`` said of it.
            seen: What ``look`` made of both; None looks here.
        """
        seen = self.look(image.pixels, lungs) if seen is None else seen
        return self.gate.judge(seen, pixels=image.pixels, header=image.header)

    def only_predict(self) -> None:
        """Make the classifier faster, for good; it cannot explain any more (see ``hastening``)."""
        if calls_rows_whole(self.classifier.network):
            hasten(self.classifier.network)

    def copy(self) -> "Predictor":
        """Return one for another thread: explaining a network changes it for a while."""
        classifier = copy(self.classifier)
        classifier.network = deepcopy(self.classifier.network)
        return Predictor(classifier, self.segmenter, self.gate)

    def predict(
        self,
        images: Sequence[NDArray[np.float32]],
        *,
        lungs: Sequence[LungMask | None] | None = None,
        explained: str | None = "predicted",
        seen: Sequence[Seen] | None = None,
        image_ids: Sequence[str] | None = None,
    ) -> list[Prediction]:
        """Segment, prepare, predict and explain images as their reader returned them.

        Args:
            images: Each (1, H, W) in [0, 1].
            lungs: What ``segment`` said of each; None segments them here.
            explained: A class, or "predicted": each image's own most probable one. None explains
                nothing, which takes a fraction of the time.
            seen: What ``look`` made of each; None looks here.
            image_ids: Of each; None works them out.

        Raises:
            NoLungsError: If an image has none, and the classifier needs them.
            InputError: If there is no such class.
        """
        if lungs is None:
            lungs = [self.segment(pixels) for pixels in images]
        if seen is None:
            seen = [self.look(*one) for one in zip(images, lungs, strict=True)]
        squares = np.stack([one.image for one in seen])
        masks = np.stack(
            [np.zeros_like(one.image) if one.mask is None else one.mask for one in seen]
        )
        if image_ids is None:
            image_ids = [image_id(pixels) for pixels in images]
        return self._explain(
            squares, masks, image_ids, explained=explained, images=images, lungs=lungs
        )

    def predict_prepared(
        self,
        images: NDArray[np.uint8],
        masks: NDArray[np.uint8],
        image_ids: Sequence[str],
        *,
        explained: str = "predicted",
    ) -> list[Prediction]:
        """Predict and explain images as the cache has them.

        Args:
            images: Prepared with the classifier's own preprocessing, (N, S, S).
            masks: 1 in the lungs, (N, S, S); all 0 for an image without a mask.
            image_ids: Of each, (N,).
            explained: A class, or "predicted".

        Raises:
            InputError: If types, ranges or shapes are wrong.
            InputError: If there is no such class.
        """
        return self._explain(images, masks, image_ids, explained=explained) if len(images) else []

    def _explain(
        self,
        squares: NDArray[np.uint8],
        masks: NDArray[np.uint8],
        image_ids: Sequence[str],
        *,
        explained: str | None,
        images: Sequence[NDArray[np.float32]] | None = None,
        lungs: Sequence[LungMask | None] | None = None,
    ) -> list[Prediction]:
        explanation = self._passes(squares, masks, explained)
        calibrated = self.classifier.calibrate(explanation.probabilities)
        predictions = []
        for number, identity in enumerate(image_ids):
            pixels = None if images is None else images[number]
            found = None if lungs is None else lungs[number]
            flags: tuple[str, ...] = ()
            if pixels is not None and found is not None:
                height, width = found.mask.shape
                flags = suspect_prepared(squares[number], masks[number], height=height, width=width)
            predictions.append(
                Prediction(
                    image_id=identity,
                    classes=self.classes,
                    probabilities=explanation.probabilities[number],
                    explained=(
                        "" if explained is None else self.classes[explanation.explained[number]]
                    ),
                    heatmap=explanation.heatmaps[number],
                    relevance_inside_lungs=float(explanation.share_inside_lungs[number]),
                    image=squares[number],
                    mask=masks[number],
                    pixels=pixels,
                    lungs=found,
                    calibrated=None if calibrated is None else calibrated[number],
                    flags=flags,
                )
            )
        return predictions

    def _passes(
        self, squares: NDArray[np.uint8], masks: NDArray[np.uint8], explained: str | None
    ) -> Explanation:
        """Pass the classifier, there and back; with nothing to explain, there alone."""
        if explained is not None:
            return self.classifier.explain(squares, masks, explained=explained)
        count = len(squares)
        return Explanation(
            probabilities=self.classifier.predict(squares, masks),
            explained=np.full(count, -1),
            heatmaps=np.empty((count, 0, 0), np.float32),
            share_inside_lungs=np.full(count, np.nan, np.float32),
        )
