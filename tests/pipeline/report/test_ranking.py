"""The best comes first on each test, the control nowhere, and all p-values are raised together."""

import pytest

from isnet_cxr.pipeline.config import CONTROL
from isnet_cxr.pipeline.report.costs import Cost
from isnet_cxr.pipeline.report.ranking import RANKING_HEAD, ranked_by, ranking_table
from isnet_cxr.pipeline.report.tables import NONE
from isnet_cxr.pipeline.table import Table

AUC = {"isnet": (0.8, 0.9), "baseline": (0.9, 0.5), "exchange": (0.7, 0.7), CONTROL: (0.99, 0.4)}


def scores(macro: float, pair: float | None) -> dict:
    """Figures of a classifier on a test."""
    return {"macro_auc": macro, "pair_auc": pair, "relevance_inside_lungs": macro / 2, "ci95": {}}


@pytest.fixture
def summary():
    """A study of three classifiers: abroad, two classes can be told apart."""
    classification = {
        name: {"internal": scores(home, None), "abroad": scores(0.5, abroad)}
        for name, (home, abroad) in AUC.items()
    }
    conflict = {"conflict": {name: {"pair_auc": 0.1 + own[1] / 2} for name, own in AUC.items()}}
    differences = {
        "internal": {"macro_auc": {"difference": -0.1, "ci95": [-0.2, 0.0], "p": 0.02}},
        "abroad": {"pair_auc": {"difference": 0.4, "ci95": [0.3, 0.5], "p": 0.001}},
    }
    return {
        "classification": classification,
        "conflict": {"abroad": conflict},
        "comparisons": [
            {"first": "isnet", "second": second, "tests": differences}
            for second in ("baseline", "exchange")
        ],
    }


@pytest.fixture
def costs():
    """Costs of two of them."""
    cost = Cost(30, 3.0, 90.0, 0.0025, 1000, needs_masks=False)
    return dict.fromkeys(list(AUC)[:2], cost)


def named(table: Table) -> list[dict]:
    """The rows, by heading."""
    return [dict(zip(RANKING_HEAD, row, strict=True)) for row in table.rows]


def test_each_test_has_its_own_order(summary, costs):
    rows = named(ranking_table(summary, costs))
    order = [(row["place"], row["classifier"]) for row in rows]
    assert order[:4] == [("1", "baseline"), ("2", "isnet"), ("3", "exchange"), (NONE, CONTROL)]
    assert [name for _, name in order[4:]] == ["isnet", "exchange", "baseline", CONTROL]
    assert [row["AUC"] for row in rows[4:]] == ["0.900", "0.700", "0.500", "0.400"]
    assert "abroad: AUC, two classes" in ranked_by(summary)


def test_a_row_has_its_conflict_group_its_relevance_and_its_costs(summary, costs):
    rows = named(ranking_table(summary, costs))
    assert rows[4]["its conflict group"] == "0.550"
    assert rows[0]["its conflict group"] == NONE
    assert rows[0]["inside the lungs"] == "0.450"
    assert rows[0]["training, minutes"] == "1.5"
    assert rows[0]["prediction, CPU ms"] == "2.5"
    assert rows[2]["prediction, CPU ms"] == NONE


def test_p_values_are_adjusted_over_the_whole_table(summary, costs):
    table = ranking_table(summary, costs)
    by_name = {(row["test"], row["classifier"]): row for row in named(table)}
    assert by_name["abroad", "baseline"]["p, Holm"] == "0.004"  # the least of four
    assert by_name["internal", "baseline"]["p, Holm"] == "0.040"
    assert by_name["abroad", "isnet"]["p, Holm"] == NONE
    assert by_name["abroad", "baseline"]["compared"].startswith("isnet +0.400 [+0.30, +0.50]")
    assert len(table.strong) == 4


def test_two_classifiers_are_no_ranking(summary, costs):
    del summary["classification"]["exchange"]
    assert not ranking_table(summary, costs).rows
