"""Plots of few and of many classifiers: every name is on the figure, and no two overlap."""

from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from isnet_cxr.pipeline.report.evidence_plots import plot_matrix
from isnet_cxr.pipeline.report.plots import PALETTE, line_of, plot_curves, plot_generalization

MANY = [f"classifier number {number}" for number in range(18)]
TESTS = ("internal", "abroad", "cohen + jsrt")


def boxes(figure):
    """The places of all texts on a figure, by text."""
    FigureCanvasAgg(figure).draw()
    renderer = figure.canvas.get_renderer()
    legends = [text for legend in figure.legends for text in legend.get_texts()]
    ticks = [
        text
        for axes in figure.axes
        for which in ("major", "minor")
        for text in (*axes.get_yticklabels(which=which), *axes.get_xticklabels(which=which))
    ]
    written = [text for axes in figure.axes for text in axes.texts]
    shown = [text for text in (*legends, *ticks, *written) if text.get_visible()]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in shown]


def assert_legible(figure, names):
    found = [(text, box) for text, box in boxes(figure) if box.width > 1]
    assert set(names) <= {text for text, _ in found}
    for text, box in found:
        if text in names:
            assert box.x0 >= 0, text
            assert box.x1 <= figure.bbox.x1, text
    named = [(text, box.shrunk(0.9, 0.6)) for text, box in found if text.strip()]
    for (one, first), (other, second) in combinations(named, 2):
        assert not first.overlaps(second), (one, other)


@pytest.mark.parametrize("names", [MANY[:3], MANY], ids=["few", "many"])
def test_every_classifier_is_named_beside_the_tests(names):
    own = {"macro_f1": 0.5, "ci95": {"macro_f1": [0.4, 0.6]}, "seeds": {"0": {"macro_f1": 0.5}}}
    figure = plot_generalization(
        {name: dict.fromkeys(TESTS, own) for name in names}, {"macro_f1": "macro F1"}
    )
    assert_legible(figure, names)


@pytest.mark.parametrize("names", [MANY[:3], MANY], ids=["few", "many"])
def test_the_legend_of_curves_stays_on_the_figure(names):
    curves = {name: [[{"train_loss": 1.0, "val_loss": 1.0}] * 2] for name in names}
    figure = plot_curves(curves, {"train_loss": "loss", "val_loss": "validation loss"})
    FigureCanvasAgg(figure).draw()
    legend = figure.legends[0].get_window_extent()
    assert {text.get_text() for text in figure.legends[0].get_texts()} == set(names)
    assert legend.x0 >= 0
    assert legend.x1 <= figure.bbox.x1


@pytest.mark.parametrize("names", [MANY[:3], MANY], ids=["few", "many"])
def test_the_cells_of_a_matrix_do_not_overlap(names):
    cell = {"value": 0.8, "ci95": [0.7, 0.9], "gap": 0.1}
    groups = [{"name": test, "test": test, "site": None, "confounded": False} for test in TESTS]
    cells = {name: {test: cell for test in TESTS} for name in names}
    assert_legible(plot_matrix({"cells": cells, "groups": groups}), names)


def test_a_sites_column_says_of_which_test_it_is():
    sites = [(test, site) for test in TESTS[1:] for site in ("cohen", "jsrt")]
    groups = [
        {"name": f"{test}, {site}", "test": test, "site": site, "confounded": False}
        for test, site in sites
    ]
    cell = {"value": 0.8, "ci95": [0.7, 0.9]}
    cells = {name: {group["name"]: cell for group in groups} for name in MANY}
    figure = plot_matrix({"cells": cells, "groups": groups})
    assert_legible(figure, MANY)
    shown = {text for text, _ in boxes(figure)}
    assert shown >= {f"{test}\nat {site}" for test, site in sites}


def test_many_classifiers_have_lines_of_their_own():
    lines = [(PALETTE[place % len(PALETTE)], line_of(place)) for place in range(len(MANY))]
    assert len(set(lines)) == len(MANY)
