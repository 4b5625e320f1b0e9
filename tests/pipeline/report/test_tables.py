"""Tables go through the registered figures and bias tests, and know none by name."""

import pytest
from rich.console import Console

from isnet_cxr.classification.figures import FIGURES, Figure
from isnet_cxr.classification.settings import ClassifierSettings
from isnet_cxr.data.bias import BIAS_TESTS, CORNERS
from isnet_cxr.pipeline.report import tables
from isnet_cxr.pipeline.study.outline import figures_table


def scores(level: float, **outputs: float) -> dict:
    figures = dict.fromkeys(FIGURES, level)
    bounds = {name: [level - 0.1, level + 0.1] for name in FIGURES}
    return {"n": 4, **figures, "ci95": bounds, "outputs": outputs, "recall": {}}


@pytest.fixture
def trust(monkeypatch):
    """A figure that is registered from outside."""
    monkeypatch.setattr(FIGURES, "_entries", dict(FIGURES._entries))
    return FIGURES.register("trust", Figure("how much to trust", lambda _: 1.0, stressed=True))


@pytest.mark.usefixtures("trust")
def test_a_registered_figure_has_a_column_in_report_and_terminal():
    classification = {"a": {"internal": scores(0.5)}, "b": {"internal": scores(0.7)}}
    table = tables.cross_table(classification)
    column = list(table.head).index("how much to trust")
    assert table.rows[1][column].startswith("0.700")
    assert (1, column) in table.strong
    summary = {"study": "s", "segmentation": {}, "classification": classification}
    heads = [str(column.header) for column in figures_table(summary).columns]
    assert "how\nmuch\nto\ntrust" in heads


def test_a_narrow_terminal_cuts_no_name_and_no_number():
    figures = {"internal": scores(0.501), "northeastern hospital": scores(0.702)}
    classification = {"background only": figures, "isnet": figures}
    summary = {"study": "s", "segmentation": {}, "classification": classification}
    console = Console(width=80)
    with console.capture() as captured:
        console.print(figures_table(summary))
    said = captured.get()
    assert all(word in said for word in ("background", "northeastern", "hospital", "internal"))
    assert said.count("0.501") == said.count("0.702") == 2 * len(FIGURES)
    assert "relevance" in said


def test_nothing_is_stressed_where_no_classifier_has_the_figure():
    none = {**scores(0.5), "macro_f1": None}
    table = tables.cross_table({"a": {"internal": none}, "b": {"internal": none}})
    assert all(table.head[column] != "macro F1" for _, column in table.strong)


def test_outputs_are_listed_by_test_and_classifier():
    summary = {
        "classification": {"a": {"internal": scores(0.5, quality=0.25)}},
        "bias": {"corners": {"a": {"biased": scores(0.5, quality=0.75)}}},
    }
    table = tables.outputs_table(summary)
    assert table.head == ["test", "classifier", "quality"]
    assert table.rows == [["internal", "a", "0.250"], ["corners, biased", "a", "0.750"]]
    assert not tables.outputs_table({"classification": {"a": {"internal": scores(0.5)}}}).rows


@pytest.mark.parametrize("name", list(BIAS_TESTS))
def test_a_bias_tests_table_has_a_column_for_each_of_its_tests(name):
    bias = BIAS_TESTS[name]
    own = {test: scores(0.9 - number / 10) for number, test in enumerate(bias.tests)}
    table = tables.bias_table({"a": own}, bias)
    assert list(table.head)[1 : 1 + len(bias.tests)] == list(bias.tests)
    assert table.rows[0][1].startswith("0.900")
    assert "\N{MINUS SIGN}0.200" in table.rows[0]


def test_what_the_last_test_costs_is_said_against_development():
    own = {test: scores(0.5) for test in CORNERS.tests}
    assert "deceiving \N{MINUS SIGN} biased" in tables.bias_table({"a": own}, CORNERS).head


def test_classifiers_that_relevance_cannot_explain_are_named():
    methods = {"first": "isnet", "second": "vit", "third": "sononet", "fourth": "ham"}
    settings = {name: ClassifierSettings(method=method) for name, method in methods.items()}
    assert tables.explained_by_gradient(settings) == ["second", "fourth"]
