"""From one found file to its entry: read, find the lungs, judge, predict, explain, write.

Every image goes this way alone, on one thread: what comes of it depends on its file, the model and
the settings, to the last bit, and not on what is done beside it. Threads overlap: while one
decodes, another passes a network, and a third compresses a picture. A thread holds one image at a
time, so that memory grows with the number of threads and not with that of the images.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from isnet_cxr.data.finding import Found, read_found
from isnet_cxr.data.gate.verdict import REFUSED
from isnet_cxr.data.manifests.records import image_id
from isnet_cxr.data.readers import Radiograph
from isnet_cxr.pipeline.prediction.claims import Claims
from isnet_cxr.pipeline.prediction.clock import Clock
from isnet_cxr.pipeline.prediction.entry import Cell, Entry, cell
from isnet_cxr.pipeline.prediction.outputs import Output
from isnet_cxr.pipeline.prediction.predictor import NoLungsError, Prediction, Predictor


@dataclass(frozen=True)
class Item:
    """One file to predict: which of the job's, its key in the ledger, and where it lies."""

    order: int
    key: str
    found: Found


@dataclass(frozen=True)
class Way:
    """How the files of a job are predicted, and what is written of them.

    Attributes:
        predictor: The networks.
        explained: A class, or "predicted".
        outputs: What predictions are written as.
        refuse: Whether what is no frontal chest is left out.
        out: Folder of the results.
        claims: Which image is whose.
        clock: Is told how long each step takes.
    """

    predictor: Predictor
    explained: str
    outputs: Sequence[Output]
    refuse: bool
    out: Path
    claims: Claims
    clock: Clock
    _own: threading.local = field(default_factory=threading.local, repr=False)

    def __post_init__(self) -> None:
        """Spare the classifier what only an explanation would need."""
        if not self.explains:
            self.predictor.only_predict()

    @property
    def explains(self) -> bool:
        """Whether anything that is written needs an explanation."""
        return any(output.explains for output in self.outputs)

    def begin(self) -> None:
        """Get ready in a thread: no threads below it, and where it explains, an own network.

        Explaining a network changes it for a while, so that two threads cannot share one.
        """
        torch.set_num_threads(1)
        alone = threading.current_thread() is threading.main_thread()
        share = alone or not self.explains
        self._own.predictor = self.predictor if share else self.predictor.copy()

    def go(self, item: Item) -> Entry:
        """Do everything for one file.

        Returns:
            What came of it, without a number; without cells if it is a duplicate.

        Raises:
            OSError: If something cannot be written.
        """
        with self.clock.step("read"):
            ((one, image),) = read_found([item.found])
            name = "" if isinstance(image, str) else image_id(image.pixels)
        if isinstance(image, str):
            return Entry(item.key, one.name, "failed", image)
        entry = Entry(
            item.key, one.name, "predicted",
            image_id=name, reading="; ".join(image.steps), origin=image.origin,
        )  # fmt: skip
        if not self.claims.take(name, item.order):
            return entry
        predicted = False
        try:
            entry = self._predict(image, entry, one)
            predicted = entry.kind == "predicted"
        finally:
            self.claims.leave(name, item.order, predicted=predicted)
        return entry

    def _predict(self, image: Radiograph, entry: Entry, source: Found) -> Entry:
        predictor: Predictor = self._own.predictor
        try:
            with self.clock.step("lungs"):
                lungs = predictor.segment(image.pixels)
        except NoLungsError as error:
            return Entry(entry.key, entry.name, "failed", str(error))
        with self.clock.step("gate"):
            seen = predictor.look(image.pixels, lungs)
            gate = predictor.judge(image, lungs, seen)
        if self.refuse and gate.name == REFUSED:
            return Entry(entry.key, entry.name, "refused", gate.reason)
        explained = self.explained if self.explains else None
        with self.clock.step("explain" if self.explains else "predict"):
            (prediction,) = predictor.predict(
                [image.pixels], lungs=[lungs], seen=[seen],
                image_ids=[entry.image_id], explained=explained,
            )  # fmt: skip
        with self.clock.step("write"):
            return replace(entry, row=self._write(replace(prediction, gate=gate, source=source)))

    def _write(self, prediction: Prediction) -> dict[str, Cell]:
        """Write all files of a prediction, and return its cells."""
        row: dict[str, Cell] = {}
        for output in self.outputs:
            row |= {name: cell(value) for name, value in output.columns(prediction).items()}
            output.write(prediction, self.out)
        return row
