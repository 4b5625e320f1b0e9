"""The MLflow model: a request's table in, a list of answers out."""

import logging
import os
import threading
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, INTERNAL_ERROR
from mlflow.pyfunc import PythonModel, PythonModelContext
from mlflow.pyfunc.scoring_server import _SERVER_MODEL_PATH

from isnet_cxr.data.errors import InputError
from isnet_cxr.pipeline.prediction.predictor import Predictor
from isnet_cxr.pipeline.serving.answer import answer
from isnet_cxr.pipeline.serving.guard import REASON, guard_server
from isnet_cxr.pipeline.serving.requested import EXPLAINED, PICTURES, REFUSE, read_rows

PACKAGE = "package"
"""The artifact that is the classifier's package."""

_logger = logging.getLogger(__name__)


class ServedClassifier(PythonModel):  # type: ignore[misc]  # MLflow's types are not followed
    """Answers requests one at a time: the networks have all cores, and memory stays flat."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the package; in a server's process put the guard before the server."""
        self._alone = threading.Lock()
        self._predictor = Predictor.load(Path(context.artifacts[PACKAGE]))
        if _SERVER_MODEL_PATH in os.environ:
            guard_server()

    def predict(  # type: ignore[no-untyped-def]  # annotated, MLflow would take it for a schema
        self, context, model_input, params=None
    ):
        """Predict the images of a request.

        Args:
            context: MLflow's; not used.
            model_input: A table with the column ``image`` (a file's bytes) or ``pixels`` (rows of
                numbers from 0 to 1).
            params: ``explained``, ``pictures`` and ``refuse``, see ``answer``.

        Returns:
            A list of what ``answer`` returns, one for each row.

        Raises:
            MlflowException: With the reason, if the request is wrong; without, if we are.
        """
        del context
        asked = {EXPLAINED: "predicted", PICTURES: True, REFUSE: True, **(params or {})}
        try:
            return self._predict(model_input, asked)
        except InputError as error:
            reason = " ".join(str(error).split())
            raise MlflowException(f"{REASON}{reason}", error_code=BAD_REQUEST) from None
        except Exception as error:  # whatever it says may hold what was sent
            _logger.error("a request failed: %s at %s", type(error).__name__, _place(error))
            said = f"{REASON}internal error ({type(error).__name__})"
            raise MlflowException(said, error_code=INTERNAL_ERROR) from None

    def _predict(self, model_input: Any, asked: dict[str, Any]) -> list[dict[str, Any]]:
        if not isinstance(model_input, pd.DataFrame):
            raise InputError(f"expected a table of images, got {type(model_input).__name__}")
        rows = [{str(k): v for k, v in row.items()} for row in model_input.to_dict("records")]
        images = read_rows(rows)
        answers = []
        for number, image in enumerate(images):
            try:
                with self._alone:
                    answers.append(
                        answer(
                            self._predictor, image,
                            explained=str(asked[EXPLAINED]), refuse=bool(asked[REFUSE]),
                            pictures=bool(asked[PICTURES]),
                        )
                    )  # fmt: skip
            except InputError as error:
                raise InputError(f"image {number}: {error}") from None
        return answers


def _place(error: BaseException) -> str:
    """Say where in the code an error arose."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
