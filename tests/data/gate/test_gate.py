"""Chests of unknown hospitals pass; turned, inverted and other images are stopped."""

import numpy as np
import pytest

from isnet_cxr.data.gate.gate import NO_MASK, NO_STATISTICS, Gate, Seen, judge_scores
from isnet_cxr.data.gate.statistics import Scores, Thresholds
from isnet_cxr.data.gate.verdict import DOUBTFUL, FRONTAL, REFUSED, Finding, conclude
from isnet_cxr.data.readers.header import Header

SIDE = 64
TURNS = {
    "left": lambda planes: np.rot90(planes, 1, (1, 2)),
    "right": lambda planes: np.rot90(planes, 3, (1, 2)),
    "by 180": lambda planes: np.rot90(planes, 2, (1, 2)),
    "upside down": lambda planes: planes[:, ::-1],
}


def names(gate, images, masks):
    return [
        gate.judge(Seen(np.ascontiguousarray(image), np.ascontiguousarray(mask))).name
        for image, mask in zip(images, masks, strict=True)
    ]


def scrambled(image, generator):
    """An image with the same spectrum and no structure: a texture."""
    spectrum = np.abs(np.fft.fft2(image.astype(float)))
    phases = np.angle(np.fft.fft2(generator.random(image.shape)))
    plane = np.fft.ifft2(spectrum * np.exp(1j * phases)).real
    return np.clip(255 * (plane - plane.min()) / np.ptp(plane), 0, 255).astype(np.uint8)


def test_chests_of_unknown_hospitals_pass(gate, external):
    found = names(gate, *external)
    assert REFUSED not in found
    assert np.mean([name == FRONTAL for name in found]) >= 0.9


@pytest.mark.parametrize("turn", TURNS)
def test_turned_chests_are_refused_though_their_lungs_are_known(gate, external, turn):
    images, masks = (TURNS[turn](planes) for planes in external)
    assert np.mean([name == REFUSED for name in names(gate, images, masks)]) >= 0.95


def test_negatives_are_refused(gate, external):
    images, masks = external
    assert set(names(gate, 255 - images, masks)) == {REFUSED}


def test_mirrored_chests_pass_as_they_did(gate, external):
    images, masks = external
    assert REFUSED not in names(gate, images[:, :, ::-1], masks[:, :, ::-1])


def test_textures_are_stopped_with_and_without_a_mask(gate, external):
    generator = np.random.default_rng(0)
    images, masks = external
    textures = np.stack([scrambled(image, generator) for image in images])
    for known in (masks, [None] * len(masks)):
        found = [gate.judge(Seen(*pair)).name for pair in zip(textures, known, strict=True)]
        assert np.mean([name != FRONTAL for name in found]) >= 0.95


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((1, 90, 80), 0.5),
        np.zeros((1, 90, 80)),
        np.ones((1, 90, 80)),
        np.full((1, 1, 1), 0.3),
        np.random.default_rng(0).random((1, 20, 500)),
        np.indices((90, 80)).sum(axis=0)[None] // 20 % 2,
    ],
    ids=["constant", "black", "white", "1 x 1", "narrow", "chequered"],
)
@pytest.mark.parametrize("fitted", [True, False])
def test_what_holds_nothing_to_judge_is_refused_with_or_without_statistics(gate, pixels, fitted):
    judged = gate if fitted else Gate()
    blank = np.zeros((SIDE, SIDE), dtype=np.uint8)
    verdict = judged.judge(Seen(blank, None), pixels=pixels.astype(np.float32))
    assert verdict.name == REFUSED
    assert verdict.reasons


def test_without_statistics_the_gate_says_so_and_goes_by_the_rest(external):
    image, mask = external[0][0], external[1][0]
    verdict = Gate().judge(Seen(image, mask))
    assert (verdict.name, verdict.reason) == (FRONTAL, NO_STATISTICS)
    assert NO_MASK in Gate().judge(Seen(image, None)).reason
    assert Gate().judge(Seen(image, np.zeros_like(mask))).name == REFUSED
    assert Gate().judge(Seen(image, mask), header=Header(body_part="knee")).name == REFUSED


def test_the_same_image_gets_the_same_verdict_in_any_company(gate, statistics, external):
    seen = Seen(external[0][0], external[1][0])
    first = statistics.scores(seen.image, seen.mask)
    gate.judge(Seen(external[0][1], external[1][1]))
    assert statistics.scores(seen.image, seen.mask) == first


def test_verdicts_only_worsen_as_scores_do():
    thresholds = Thresholds({"whole": 1.0})
    order = [FRONTAL, DOUBTFUL, REFUSED]

    def weight(strangeness, uprightness):
        found = judge_scores(Scores(strangeness, uprightness, "is upside down"), thresholds)
        return order.index(conclude(found).name)

    strange = [weight(value, 5.0) for value in np.linspace(0, 5, 50)]
    turned = [weight(0.5, value) for value in np.linspace(2, 0, 50)]
    for weights in (strange, turned):
        assert weights == sorted(weights)
        assert set(weights) == {0, 1, 2}


def test_one_refusal_outweighs_any_doubt_and_comes_first():
    found = [Finding(DOUBTFUL, "a"), Finding(REFUSED, "b"), Finding(DOUBTFUL, "c")]
    assert conclude(found).name == REFUSED
    assert conclude(found).reasons == ("b", "a", "c")
    assert conclude([]).name == FRONTAL
