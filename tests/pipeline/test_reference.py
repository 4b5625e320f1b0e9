"""The reference of a study's keys is the code's."""

from pathlib import Path

from isnet_cxr.classification.methods import METHODS
from isnet_cxr.pipeline.config.reference import COMMAND, render

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference-study.md"


def test_the_page_is_what_the_code_says():
    assert PAGE.read_text(encoding="utf-8") == render(), f"run {COMMAND}"


def test_every_key_has_a_meaning_and_every_method_with_settings_a_table():
    page = render()
    assert not [line for line in page.splitlines() if line.endswith("|  |")]
    assert "## `isnet`, of a classifier" in page
    assert "## `exchange`, of a classifier" in page
    assert set(METHODS) >= {"baseline", "exchange", "isnet", "masked_input"}
