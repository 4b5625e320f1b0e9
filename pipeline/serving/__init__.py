"""A classifier's package as an MLflow model: `mlflow models serve` answers requests with it.

The model is code and a package, nothing is pickled; it predicts by the one ``Predictor``, as the
batch job does. See ``docs/howto-serving.md``.
"""

import os
import warnings

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
with warnings.catch_warnings(record=True):  # MLflow advises on types, and sets filters of its own
    warnings.simplefilter("ignore", UserWarning)
    import isnet_cxr.pipeline.serving.served  # noqa: F401
