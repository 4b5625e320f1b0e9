"""The report's table of ceilings: what share of a test's gap each classifier closes."""

from collections.abc import Iterator, Mapping
from typing import Any

from isnet_cxr.classification.figures import FIGURES
from isnet_cxr.pipeline.config import CONTROL
from isnet_cxr.pipeline.report.tables import NONE, signed, with_interval
from isnet_cxr.pipeline.table import Table

Measured = Mapping[str, Any]
HARD_SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
NO_GAP = "no gap to close"


def ceilings_table(ceilings: Mapping[str, Measured]) -> Table:
    """List what every classifier gained over the baseline, and its share of the gap, by test."""
    rows = [
        [f"{test}, {FIGURES[own['figure']].title}", name, _difference(gained), closed]
        for test, own in ceilings.items()
        for name, gained in own["gained"].items()
        for closed in [_closed(own["closed"][name])]
    ]
    return Table(["test, figure", "classifier", "gained over the baseline", "gap closed"], rows)


def ceiling_sentences(ceilings: Mapping[str, Measured]) -> list[str]:
    """Say of every test what there was to gain, and who but the control gained how much of it."""
    return [" ".join(_sentences(test, own)) for test, own in ceilings.items()]


def has_gap(own: Measured) -> bool:
    """Whether the gap's interval is above 0, so that shares of it can be told."""
    low = own["gap"]["ci95"][0]
    return low is not None and low > 0


def _sentences(test: str, own: Measured) -> Iterator[str]:
    low, high = (own["reached"][name] for name in ("baseline", "ceiling"))
    *first, last = own["classes"]
    area = "a macro AUC" if len(first) > 1 else "an AUC"
    yield (
        f"On {test}, {own['baseline']}, trained elsewhere, tells {', '.join(first)} and {last} "
        f"apart with {area} of {_value(low)}; trained on images of {test} itself, with one of "
        f"{_value(high)}, the ceiling."
    )
    gap = f"{signed(own['gap']['value'])} {_bounds(own['gap'], signed)}"
    if not has_gap(own):
        yield f"The difference is {gap}: there is {NO_GAP}."
        return
    said = [
        f"{name} closes {_closed(closed)}"
        for name, closed in own["closed"].items()
        if name != CONTROL
    ]
    yield f"Of this gap of {gap}, {', '.join(said) or 'nobody else was there to close any'}."


def _value(own: Measured) -> str:
    return with_interval(own["value"], own["ci95"])


def _difference(own: Measured) -> str:
    return f"{signed(own['value'])} {_bounds(own, signed)}".strip()


def _closed(own: Measured) -> str:
    if own["value"] is None:
        return NO_GAP
    return f"{_percent(own['value'])} {_bounds(own, _percent)}".strip()


def _bounds(own: Measured, write: Any) -> str:
    low, high = own["ci95"]
    if low is None or high is None:
        return ""
    options = {"digits": 2} if write is signed else {}
    return f"[{write(low, **options)},{HARD_SPACE}{write(high, **options)}]"


def _percent(value: float | None) -> str:
    return NONE if value is None else f"{100 * value:.0f} %".replace("-", MINUS)
