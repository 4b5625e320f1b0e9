"""Which measure may have been fooled follows from the others, and from the heatmaps' sanity."""

from isnet_cxr.pipeline.config import CONTROL
from isnet_cxr.pipeline.report.reliance import measures_table
from isnet_cxr.pipeline.study.doubts import doubt_measures
from isnet_cxr.pipeline.study.measures import MEASURES


def measured(*caught: str, missing: tuple[str, ...] = ()) -> dict:
    values = {name: None if name in missing else 0.5 for name in MEASURES}
    return {"internal": {"measures": values, "caught": list(caught)}}


def test_a_measure_that_alone_sees_nothing_is_doubted():
    """Inhibition: perfect heatmaps, while bias test and exchange speak against the network."""
    doubts = doubt_measures({"sly": measured("bias_test", "exchange"), "fair": measured()}, {})
    assert doubts["relevance"] == doubts["erased"] != []
    assert "sly" in doubts["relevance"][0]
    assert "fair" not in doubts["relevance"][0]
    assert doubts["bias_test"] == doubts["exchange"] == []


def test_one_measure_alone_puts_no_other_in_doubt():
    assert not any(doubt_measures({"one": measured("exchange")}, {}).values())


def test_heatmaps_of_the_image_alone_say_nothing():
    sanity = {"edges": {"stays": True}, "real": {"stays": False}}
    doubts = doubt_measures({"edges": measured(), "real": measured()}, sanity)
    assert [name for name, said in doubts.items() if said] == ["relevance", "accounted"]
    assert doubts["relevance"] == ["Says nothing of edges: the heatmaps show the image alone."]


def test_what_was_not_measured_is_said_and_the_control_is_no_classifier():
    reliance = {"isnet": measured(missing=("bias_test",)),
                CONTROL: measured("relevance", "erased", "exchange")}  # fmt: skip
    doubts = doubt_measures(reliance, {})
    assert doubts["bias_test"] == ["Not measured for isnet."]
    assert not any(said for name, said in doubts.items() if name != "bias_test")


def test_the_page_says_of_every_measure_how_it_is_fooled_and_whether_it_was():
    table = measures_table(doubt_measures({"sly": measured("bias_test", "exchange")}, {}))
    assert [row[0] for row in table.rows] == [own.title for own in MEASURES.values()]
    assert all(row[2].endswith(".") for row in table.rows)
    assert table.rows[0][3].startswith("May have been fooled by sly")
    assert table.rows[1][3] == "No sign of it."
