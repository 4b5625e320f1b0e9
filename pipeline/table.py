"""A table of text, for the report and for the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table as RichTable


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        head: Titles of the columns.
        rows: Cells; the first of each row names it.
        strong: (row, column) of cells to stress.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    strong: frozenset[tuple[int, int]] = frozenset()

    def for_terminal(self, title: str) -> RichTable:
        """Return it as ``rich`` draws it: numbers to the right, a name that repeats left out."""
        drawn = RichTable(title=title, title_justify="left", title_style="bold")
        for place, name in enumerate(self.head):
            if place and all(_is_number(row[place]) for row in self.rows):
                drawn.add_column(name.replace(" ", "\n"), justify="right")  # narrow as its numbers
            else:
                drawn.add_column(name)
        for number, row in enumerate(self.rows):
            cells = [
                f"[bold]{cell}[/bold]" if (number, place) in self.strong else cell
                for place, cell in enumerate(row)
            ]
            if number and row[0] == self.rows[number - 1][0]:
                cells[0] = ""
            drawn.add_row(*cells)
        return drawn


def _is_number(cell: str) -> bool:
    return cell.strip("+-.,%0123456789\N{EN DASH}\N{MINUS SIGN}") == ""
