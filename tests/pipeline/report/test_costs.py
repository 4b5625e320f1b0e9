"""Costs are means over seeds, and a classifier that needs masks says so."""

import pytest

from isnet_cxr.classification.classifier import Classifier
from isnet_cxr.classification.reading import new_network, read_classifier
from isnet_cxr.pipeline.report.costs import cost_of, costs_table


@pytest.fixture
def classifiers():
    made = {}
    for method in ("baseline", "masked_input"):
        own = read_classifier({"method": method, "preprocessing": {"size_px": 32}}, where="here")
        network = new_network(own, classes=2, seed=0)
        made[method] = Classifier(network, classes=["a", "b"], settings=own)
    return made


def test_a_row_for_each_classifier(classifiers):
    seconds = {"baseline": [[2.0, 4.0], [3.0, 3.0]], "masked_input": [[60.0] * 4]}
    costs = {
        name: cost_of(
            [[{"seconds": epoch} for epoch in training] for training in trainings],
            classifiers[name],
        )
        for name, trainings in seconds.items()
    }
    table = costs_table(costs)
    baseline, masked = (dict(zip(table.head, row, strict=True)) for row in table.rows)
    assert (baseline["epochs"], masked["epochs"]) == ("2", "4")
    assert (baseline["seconds per epoch"], baseline["training, minutes"]) == ("3.0", "0.1")
    assert masked["training, minutes"] == "4.0"
    assert (baseline["needs at run time"], masked["needs at run time"]) == (
        "image",
        "image and lung mask",
    )
    assert all(float(row["prediction, CPU ms"]) > 0 for row in (baseline, masked))
    assert baseline["weights"] == masked["weights"]
