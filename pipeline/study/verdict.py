"""What a study found, in sentences: who holds at new hospitals, and who reads the background.

Every word follows from figures of the summary by a rule that is written here.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from isnet_cxr.classification.figures import FIGURES
from isnet_cxr.pipeline.config import CONTROL
from isnet_cxr.pipeline.study.measures import MEASURES

INTERNAL, LEAVE_ONE_OUT = "internal", "leave_one_out"
FIGURE_ORDER = ("pair_auc", "macro_auc", "macro_f1")
"""The first of these that a comparison has decides."""

MARGIN = 0.05
"""Differences within it do not matter. An interval that lies inside says that two are equal, with
or without zero in it: with many patients any two networks differ by something."""


def verdict(summary: Mapping[str, Any]) -> list[str]:
    """Say what a study found.

    Args:
        summary: With ``comparisons``, ``reliance`` and ``sanity`` where it has them.

    Returns:
        Sentences: one for every compared pair and test (external ones, where there are any); where
        each hospital was left out in turn, one for every classifier and one for every compared
        pair and hospital; then one for every classifier on its reliance on the background, by the
        internal test, and one for those whose heatmaps must not be read.
    """
    pairs = [sentence for pair in summary.get("comparisons", []) for sentence in _compared(pair)]
    away = _across(summary.get("across", {}))
    unread = _sanity(summary.get("sanity", {}))
    return [*pairs, *away, *_reliance(summary.get("reliance", {})), *unread]


def compare(low: float, high: float) -> str:
    """Name a difference by its 95 % interval: equal, better, worse, or not told apart."""
    if low > -MARGIN and high < MARGIN:
        return f"equal (to within {MARGIN}) to"
    if low > 0:
        return "better than"
    return "worse than" if high < 0 else "not told apart from"


def _compared(pair: Mapping[str, Any], left_out: str = "") -> Iterator[str]:
    external = {test: own for test, own in pair["tests"].items() if test != INTERNAL}
    for test, figures in (external or pair["tests"]).items():
        key = next((name for name in FIGURE_ORDER if name in figures), None)
        if key is None or None in figures[key]["ci95"]:
            continue
        own = figures[key]
        low, high = own["ci95"]
        yield (
            f"On {test}{left_out}, {pair['first']} is {compare(low, high)} {pair['second']}: "
            f"{FIGURES[key].title} differs by {own['difference']:+.2f} [{low:+.2f}, {high:+.2f}]."
        )


def _across(across: Mapping[str, Any]) -> Iterator[str]:
    """Tell of the folds that leave one hospital out; pairs of hospitals are told in the matrix."""
    for name, own in across.get("overall", {}).get(LEAVE_ONE_OUT, {}).items():
        worst = own["worst"]
        low, high = worst["ci95"]
        yield (
            f"Trained without the hospital it is tested at, {name} has an AUC of {own['mean']:.2f} "
            f"on average, {abs(own['lost']):.2f} {'less' if own['lost'] >= 0 else 'more'} than on "
            f"its internal tests; {worst['value']:.2f} [{low:.2f}, {high:.2f}] at the worst, "
            f"{worst['hospital']}."
        )
    for fold in across.get("folds", []):
        if fold["design"] == LEAVE_ONE_OUT:
            for pair in fold["comparisons"]:
                yield from _compared(pair, ", left out of training")


def _reliance(reliance: Mapping[str, Any]) -> Iterator[str]:
    for name, tests in reliance.items():
        if name == CONTROL or INTERNAL not in tests:
            continue
        own = tests[INTERNAL]
        measured = [key for key, value in own["measures"].items() if value is not None]
        if not measured:
            continue
        titles = "; ".join(MEASURES[key].title for key in own["caught"])
        say = "says" if len(own["caught"]) == 1 else "say"
        yield (
            f"{len(own['caught'])} of {len(measured)} measures {say} that {name} relies on the "
            f"background{f' ({titles})' if titles else ''}."
        )


def _sanity(sanity: Mapping[str, Any]) -> Iterator[str]:
    stays = [name for name, own in sanity.items() if own["stays"]]
    if stays:
        yield (
            f"Do not read the heatmaps of {', '.join(stays)}: they stay when the network forgets "
            "what it learned."
        )
