"""Functions that fit on a screen: a reader sees the whole of each."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("pipeline", "segmentation", "classification", "data")
LINES = 40


def long_functions(source: str) -> Iterator[tuple[str, int]]:
    """Yield functions of more than ``LINES`` lines, docstrings and blank lines not counted."""
    text = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        documented = node.body[0] if ast.get_docstring(node) else None
        skipped = range(documented.lineno, (documented.end_lineno or 0) + 1) if documented else ()
        numbers = range(node.lineno, (node.end_lineno or 0) + 1)
        lines = sum(bool(text[n - 1].strip()) and n not in skipped for n in numbers)
        if lines > LINES:
            yield node.name, lines


def test_no_function_is_longer_than_a_screen():
    found = [
        f"{path.relative_to(ROOT)}: {name} has {lines} lines"
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        for name, lines in long_functions(path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_a_long_function_is_seen():
    source = 'def f():\n    """Say."""\n' + "    x = 1\n" * LINES
    assert list(long_functions(source)) == [("f", LINES + 1)]
    assert not list(long_functions(source.removesuffix("    x = 1\n")))
