"""One way from an image to a prediction, whoever asks."""

from pathlib import Path

import numpy as np
import pytest

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning.preprocess import prepare_image, to_bytes
from isnet_cxr.data.manifests.manifest import read_manifest
from isnet_cxr.data.manifests.records import image_id
from isnet_cxr.data.readers import read_image
from isnet_cxr.pipeline.prediction.evaluation import evaluate_classifier
from isnet_cxr.pipeline.prediction.predictor import Predictor


@pytest.fixture
def predictor(classifier_package):
    return Predictor.load(classifier_package)


@pytest.fixture
def images(images):
    return [read_image(path).pixels for path in sorted(images.iterdir())]


def test_raw_and_prepared_images_have_the_same_predictions(predictor, images):
    settings = predictor.classifier.settings.preprocessing
    squares = np.stack([to_bytes(prepare_image(pixels, settings)[0]) for pixels in images])
    ids = [image_id(pixels) for pixels in images]
    raw = predictor.predict(images)
    prepared = predictor.predict_prepared(squares, np.zeros_like(squares), ids)
    for one, other in zip(raw, prepared, strict=True):
        assert one.image_id == other.image_id
        assert one.predicted == other.predicted
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        np.testing.assert_array_equal(one.heatmap, other.heatmap)


def test_the_tests_of_a_study_and_a_single_prediction_agree(
    predictor, classifier_package, write_images
):
    manifest = read_manifest(write_images("one", count=3))
    frame = evaluate_classifier(classifier_package, manifest, cache=None, progress=False)
    paths = manifest.set_index("image_id")["path"]
    for row in frame.itertuples():
        path = Path(paths[row.image_id])
        alone = predictor.predict([read_image(path).pixels])[0]
        assert row.predicted == alone.predicted
        np.testing.assert_allclose([row.p_normal, row.p_covid], alone.probabilities, atol=1e-6)


def test_without_a_mask_nothing_is_said_of_the_lungs(predictor, images):
    assert np.isnan(predictor.predict(images)[0].relevance_inside_lungs)


def test_an_unknown_class_is_the_users_mistake(predictor):
    with pytest.raises(InputError, match="unknown class 'flu', expected one of: normal, covid"):
        predictor.check("flu")


@pytest.mark.parametrize("method", ["predict", "explain"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint16])
def test_images_that_are_not_bytes_are_refused(predictor, method, dtype):
    images = np.zeros((1, 32, 32), dtype)
    with pytest.raises(TypeError, match="images must be uint8"):
        getattr(predictor.classifier, method)(images)


def test_masks_of_other_values_are_refused(predictor):
    images = np.zeros((1, 32, 32), np.uint8)
    with pytest.raises(ValueError, match="masks must be 0 or 1, got 255"):
        predictor.classifier.explain(images, np.full_like(images, 255))
