"""Predictions as DICOM objects, for the archive that the image came from: ``predict --dicom``.

Imported where it is asked for alone: highdicom is an extra, and takes its time to import.
"""

import csv
import hashlib
import json
import math
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from highdicom import SOPClass
from numpy.typing import NDArray

from isnet_cxr.classification.explain import colour_limit, overlay
from isnet_cxr.data.errors import InputError
from isnet_cxr.data.finding import lent
from isnet_cxr.data.learning.preprocess import resize, restore_map
from isnet_cxr.data.nearest import name_unknown
from isnet_cxr.data.pacs.capture import make_capture
from isnet_cxr.data.pacs.drawing import Caption, captioned, outlined
from isnet_cxr.data.pacs.files import encoded, object_name, write_object
from isnet_cxr.data.pacs.identity import RESEARCH_ONLY, Algorithm
from isnet_cxr.data.pacs.report import Result, make_report
from isnet_cxr.data.pacs.segmentation import make_segmentation
from isnet_cxr.data.pacs.source import NoObjectError, Source, read_source, refusing
from isnet_cxr.pipeline.prediction.ledger import PREDICTIONS
from isnet_cxr.pipeline.prediction.outputs.output import OUTPUTS, Output, Value
from isnet_cxr.pipeline.prediction.predictor import Prediction
from isnet_cxr.pipeline.prediction.record import digest_models
from isnet_cxr.pipeline.prediction.tables import FILES

FOLDER = "dicom"
KINDS = ("seg", "sc", "sr")
COLUMN, MISSING = "dicom", "dicom_missing"
CAPTURE_PX = 1024
"""Longer side of the image in a secondary capture: a screen's, not the detector's."""
SCALE_STEPS = 256
COPY = "copy of another image, which has them"


@dataclass(frozen=True)
class _Made:
    """What was made of one prediction, until it is written."""

    prediction: Prediction
    files: Mapping[str, bytes]
    kinds: tuple[str, ...]
    missing: str


class _Last(threading.local):
    made: _Made | None = None


@dataclass(frozen=True)
class DicomObjects(Output):
    """Columns dicom (the kinds that were made) and dicom_missing (why others were not), and files.

    ``dicom/<image_id>-<digest>-<kind>.dcm``; the digest tells apart files with the same pixels.

    Attributes:
        kinds: Which objects, of ``KINDS``.
        classifier: What made the predictions.
        segmenter: What made the lung masks.
    """

    kinds: tuple[str, ...]
    classifier: Algorithm
    segmenter: Algorithm
    _last: _Last = field(default_factory=_Last, repr=False, compare=False)

    always = False

    def columns(self, prediction: Prediction) -> Mapping[str, Value]:
        """Make the objects, and say which there are."""
        made = self._make(prediction)
        self._last.made = made
        return {COLUMN: " ".join(made.kinds), MISSING: made.missing}

    def write(self, prediction: Prediction, out: Path) -> None:
        """Write the objects; one that is there already stays as it is."""
        made, self._last.made = self._last.made, None
        if made is None or made.prediction is not prediction:
            made = self._make(prediction)
        for name, content in made.files.items():
            write_object(content, out / FOLDER / name)

    def _make(self, prediction: Prediction) -> _Made:
        try:
            source = _source(prediction)
        except NoObjectError as error:
            return _Made(prediction, {}, (), str(error))
        files: dict[str, bytes] = {}
        missing: dict[str, str] = {}
        for kind in self.kinds:
            try:
                with refusing("it cannot be made"):
                    dataset = self._make_one(kind, prediction, source)
                    name = object_name(prediction.image_id, kind, str(dataset.SOPInstanceUID))
                    files[name] = encoded(dataset)
            except NoObjectError as error:
                missing[kind] = str(error)
        kinds = tuple(kind for kind in self.kinds if kind not in missing)
        reasons = "; ".join(f"{kind}: {reason}" for kind, reason in missing.items())
        return _Made(prediction, files, kinds, reasons)

    def _make_one(self, kind: str, prediction: Prediction, source: Source) -> SOPClass:
        content = _content(prediction, self.classifier, self.segmenter)
        if kind == "seg":
            if prediction.lungs is None:
                raise NoObjectError("no lung segmenter in this model")
            mask = prediction.lungs.mask
            return make_segmentation(source, mask, self.segmenter, content=content)
        if kind == "sr":
            return make_report(source, _result(prediction), self.classifier, content=content)
        picture, scale = draw(prediction, self.classifier)
        return make_capture(source, picture, self.classifier, scale=scale, content=content)


def ask_for(kinds: str, model: Path, lungs: Path | None) -> str:
    """Register the output that a user asks for, and return its name.

    Args:
        kinds: As typed: "seg,sc,sr" or a part of it.
        model: The classifier's package.
        lungs: The lung segmenter's, if it is not the one in ``model``.

    Raises:
        InputError: If a kind is unknown.
    """
    asked = {kind.strip().lower() for kind in kinds.split(",") if kind.strip()}
    if unknown := sorted(asked - set(KINDS)):
        raise InputError(f"--dicom: {name_unknown('kind', unknown, KINDS)}")
    if not asked:
        raise InputError(f"--dicom: no kind named, expected some of {','.join(KINDS)}")
    digests = digest_models(model, lungs)
    release = _version()
    classifier, segmenter = (
        Algorithm(f"isnet-cxr {what}", release, _one_digest(digests[of]))
        for what, of in (("classifier", "model"), ("lung segmenter", "lung segmenter"))
    )
    output = DicomObjects(tuple(k for k in KINDS if k in asked), classifier, segmenter)
    made_by = hashlib.sha256(f"{classifier}{segmenter}".encode()).hexdigest()[:12]
    name = f"{FOLDER} {','.join(output.kinds)} by {made_by}"
    if name not in OUTPUTS:
        OUTPUTS.register(name, output)
    return name


def describe_objects(out: Path) -> str:
    """Say in one line what a job's tables have of objects, and of which images there are none."""
    kinds: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    images = 0
    for row in _rows(out / PREDICTIONS):
        made = row[COLUMN].split()
        kinds.update(made)
        images += bool(made)
        missing.update([row[MISSING]] if row[MISSING] else [])
    missing.update([COPY] * _copies(out))
    counts = ", ".join(f"{kinds[kind]} {kind}" for kind in KINDS if kind in kinds)
    said = f"{out / FOLDER}: {kinds.total()} objects of {images} images"
    said += f" ({counts})" if counts else ""
    without = "; ".join(f"{count} images, {reason}" for reason, count in missing.most_common())
    return f"{said}; without: {without}" if without else said


def _copies(out: Path) -> int:
    """Count the images that have the pixels of another one, and a number of their own."""
    rows = list(_rows(out / FILES))
    numbers = {row["number"]: row["sop_uid"] for row in rows if not row["duplicate_of"]}
    return sum(
        bool(row["sop_uid"]) and row["sop_uid"] != numbers.get(row["duplicate_of"])
        for row in rows
        if row["duplicate_of"]
    )


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        yield from csv.DictReader(stream)


def draw(prediction: Prediction, algorithm: Algorithm) -> tuple[NDArray[np.uint8], float]:
    """Draw image, heatmap and lung outline, with a band below that says what it shows.

    Returns:
        RGB (h + band, w, 3), and how many of its rows and columns are one of the image.

    Raises:
        NoObjectError: If the prediction does not know its image.
    """
    if prediction.pixels is None:
        raise NoObjectError("the image came prepared")
    plane = prediction.pixels[0]
    scale = CAPTURE_PX / max(plane.shape)
    height, width = (max(1, round(side * scale)) for side in plane.shape)
    image = resize(plane, height=height, width=width)
    limit = colour_limit(prediction.heatmap)
    relevance = restore_map(prediction.heatmap, height=height, width=width, nearest=False)
    picture = overlay(image, relevance, limit=limit)
    if prediction.lungs is not None:
        mask = resize(prediction.lungs.mask.astype(np.float32), height=height, width=width)
        picture = outlined(picture, (mask >= 1 / 2).astype(np.uint8))
    return captioned(picture, _caption(prediction, algorithm, limit)), scale


def _caption(prediction: Prediction, algorithm: Algorithm, limit: float) -> Caption:
    steps = np.linspace(-limit, limit, SCALE_STEPS, dtype=np.float32)[np.newaxis]
    scale = overlay(np.full(steps.shape, 1 / 2, np.float32), steps, limit=limit)[0]
    probability = float(prediction.probabilities.max())
    verdicts = [f"{name}: {verdict}" for name, verdict in _coded(prediction).items() if verdict]
    return Caption(
        warning=RESEARCH_ONLY,
        lines=(
            f"predicted: {prediction.predicted} ({probability:.2f}); {'; '.join(verdicts)}",
            f"{algorithm.name} {algorithm.full_version}",
            f"relevance for {prediction.explained}: blue contradicts, red supports",
        ),
        scale=scale,
        ends=(f"{-limit:.2g}", f"{limit:.2g}"),
    )


def _source(prediction: Prediction) -> Source:
    if prediction.source is None:
        raise NoObjectError("not from a DICOM file")
    try:
        with lent(prediction.source) as path:
            return read_source(path)
    except NoObjectError:
        raise
    except (InputError, OSError):
        raise NoObjectError("its file cannot be read again") from None


def _result(prediction: Prediction) -> Result:
    lungs, gate = prediction.lungs, prediction.gate
    return Result(
        probabilities=dict(
            zip(prediction.classes, map(float, prediction.probabilities), strict=True)
        ),
        predicted=prediction.predicted,
        explained=prediction.explained,
        relevance_inside_lungs=prediction.relevance_inside_lungs,
        coded=_coded(prediction),
        reasons={
            "gate reasons": "" if gate is None else gate.reason,
            "mask reasons": "" if lungs is None else "; ".join(lungs.reasons),
            "review flags": "; ".join(prediction.flags),
        },
    )


def _coded(prediction: Prediction) -> dict[str, str]:
    return {
        "gate verdict": "" if prediction.gate is None else prediction.gate.name,
        "mask quality": "" if prediction.lungs is None else prediction.lungs.quality,
    }


def _content(prediction: Prediction, *algorithms: Algorithm) -> str:
    """Return what decides an object's content beside its image's header and its own algorithm."""
    share = prediction.relevance_inside_lungs
    described = [
        prediction.image_id, prediction.explained, str(prediction.gate),
        "" if math.isnan(share) else f"{share:.6f}", *(one.digest for one in algorithms),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()


def _one_digest(digests: Mapping[str, str]) -> str:
    """Return one digest for all files of a package; empty where there is no package."""
    return hashlib.sha256("".join(digests.values()).encode()).hexdigest() if digests else ""


def _version() -> str:
    try:
        return version("isnet-cxr")
    except PackageNotFoundError:
        return "unknown"
