"""What an output is, and the registry of them."""

from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.registry import Registry
from isnet_cxr.pipeline.prediction.predictor import Prediction

Value = str | float


class Output:
    """Something a prediction is written as: columns of a table, a file per image, or both.

    Attributes:
        always: Whether it is written without being asked for.
        explains: Whether it needs ``heatmap``, ``explained`` or ``relevance_inside_lungs``: nothing
            is explained in a job none of whose outputs do.
    """

    always: bool = True
    explains: bool = True

    def columns(self, prediction: Prediction) -> Mapping[str, Value]:
        """Return values of one image by column: the same columns for every image.

        Numbers stand in the tables of a study's tests too; NaN says that there is no value.
        """
        del prediction
        return {}

    def write(self, prediction: Prediction, out: Path) -> None:
        """Write files of one image, named by its ``image_id``, into folders of ``out``.

        Files appear whole or not at all (``data.writers.atomic.replacing``) and depend on nothing
        but the prediction: images are written in any order and several at once, in threads, and
        those of a batch that was interrupted are written again. ``prediction.source`` is the file
        that the image was read from.
        """
        del prediction, out


OUTPUTS: Registry[Output] = Registry("output")
