"""A job tells how far it is: dated lines in a log, and aloud where nobody sees a bar."""

import re

from isnet_cxr.pipeline.prediction import progress as told_by
from isnet_cxr.pipeline.prediction.progress import LOG, progress

DATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ")


def test_lines_are_dated_and_say_rate_and_time_left(tmp_path, monkeypatch, capsys):
    now = iter(range(0, 10_000, 10))
    monkeypatch.setattr(told_by.time, "monotonic", lambda: float(next(now)))
    with progress(600, tmp_path, shown=True) as told:
        assert list(told.of(range(40))) == list(range(40))
    _, said = capsys.readouterr()
    lines = (tmp_path / LOG).read_text().splitlines()
    assert all(DATED.match(line) for line in lines)
    assert lines[0].endswith("begins: 600 files to predict")
    assert re.search(r"\d+ of 600 files, 0\.0\d+ a second, \d+ min left$", lines[-1])
    assert said.splitlines() == lines[1:]  # the beginning is no news


def test_an_error_is_told_by_its_kind_alone(tmp_path):
    try:
        with progress(1, tmp_path, shown=False):
            raise ValueError("ROE^RICHARD")
    except ValueError:
        pass
    text = (tmp_path / LOG).read_text()
    assert "ended by ValueError" in text
    assert "ROE" not in text


def test_a_log_that_cannot_be_written_ends_no_job(tmp_path):
    (tmp_path / LOG).mkdir()
    with progress(1, tmp_path, shown=True) as told:
        assert list(told.of([1])) == [1]
