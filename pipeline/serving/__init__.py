"""A classifier's package as an MLflow model: `mlflow models serve` answers requests with it.

The model is code and a package, nothing is pickled; it predicts by the one ``Predictor``, as the
batch job does. See ``docs/howto-serving.md``.
"""

import os
import warnings

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # MLflow's advice on types that it could check
    import isnet_cxr.pipeline.serving.served  # noqa: F401
