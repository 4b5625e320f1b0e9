"""What MLflow runs to make the model: models from code, nothing is pickled."""

from mlflow.models import set_model

from isnet_cxr.pipeline.serving.served import ServedClassifier

set_model(ServedClassifier())
