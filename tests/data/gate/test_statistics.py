"""Models of the gate do what their formulas say, whatever an image's brightness or frame."""

import numpy as np
import pytest

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.gate.appearance import crops_of
from isnet_cxr.data.gate.crops import content_box, crop
from isnet_cxr.data.gate.gaussian import fit_gaussian
from isnet_cxr.data.gate.statistics import Thresholds, fit_statistics


def test_distances_are_mahalanobis_distances_when_all_directions_are_kept():
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(400, 4)) @ generator.normal(size=(4, 4)) + 3
    model = fit_gaussian(vectors, directions=3)
    centred = vectors - vectors.mean(axis=0)
    inverse = np.linalg.inv(centred.T @ centred / len(vectors))
    expected = np.einsum("ni,ij,nj->n", centred, inverse, centred) / 4
    np.testing.assert_allclose(model.distances(vectors), expected, rtol=1e-3)
    assert model.distances(vectors).mean() == pytest.approx(1, rel=1e-3)


def test_crops_do_not_depend_on_contrast_or_black_borders(external):
    image, mask = external[0][0], external[1][0]
    plain = crop(image, mask)
    darker = crop(image // 2, mask)
    np.testing.assert_allclose(darker.lungs, plain.lungs, atol=0.1)
    framed = crop(np.pad(image, 20), np.pad(mask, 20))
    np.testing.assert_allclose(framed.whole, plain.whole, atol=1e-4)
    np.testing.assert_allclose(framed.lungs, plain.lungs, atol=1e-4)


def test_a_black_image_has_its_whole_self_as_content():
    box = content_box(np.zeros((30, 20), dtype=np.uint8))
    assert (box.top, box.left, box.bottom, box.right) == (0, 0, 30, 20)


def test_an_image_and_its_mirror_image_are_equally_usual(statistics, external):
    images, masks = external
    plain = statistics.appearance.look(crops_of(images, masks))
    other = statistics.appearance.look(crops_of(images[:, :, ::-1], masks[:, :, ::-1]))
    for name, distances in plain.distances.items():  # jittered copies are not mirror images
        np.testing.assert_allclose(other.distances[name], distances, rtol=0.25)


def test_the_same_seed_fits_the_same_statistics(development, statistics):
    again = fit_statistics(*development, seed=0)
    assert again.thresholds == statistics.thresholds
    for name, model in again.appearance.models.items():
        np.testing.assert_array_equal(
            model.directions, statistics.appearance.models[name].directions
        )


def test_few_images_fit_nothing(development):
    (images, masks), held_out = development
    assert fit_statistics((images[:20], masks[:20]), held_out, seed=0) is None
    assert fit_statistics((images, masks), (images[:5], masks[:5]), seed=0) is None


def test_images_that_lie_on_their_side_do_not_make_lying_usual(development, external):
    (images, masks), held_out = development
    images, masks = images.copy(), masks.copy()
    images[::20], masks[::20] = (np.rot90(planes[::20], 1, (1, 2)) for planes in (images, masks))
    fitted = fit_statistics((images, masks), held_out, seed=0)
    assert fitted.images[0] < len(images)
    lying = [
        fitted.scores(np.rot90(a), np.rot90(b)).uprightness for a, b in zip(*external, strict=True)
    ]
    assert np.mean(np.asarray(lying) < 1) >= 0.95


def test_without_masks_the_whole_image_alone_is_fitted(development, external):
    training, held_out = ((images, np.zeros_like(masks)) for images, masks in development)
    fitted = fit_statistics(training, held_out, seed=0)
    assert list(fitted.appearance.models) == ["whole"]
    scores = fitted.scores(external[0][0], np.zeros_like(external[1][0]))
    assert scores.uprightness > 1


@pytest.mark.parametrize(
    "values",
    [
        {"doubtful_strangeness": 4.0},
        {"refused_uprightness": 2.0},
        {"usual": {"whole": float("nan")}},
        {"doubtful_strangeness": 0.0},
    ],
)
def test_thresholds_that_refuse_what_is_not_doubtful_are_wrong_input(values):
    with pytest.raises(InputError, match="gate thresholds"):
        Thresholds(**{"usual": {"whole": 1.0}, **values})
