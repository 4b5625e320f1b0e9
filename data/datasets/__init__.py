"""One publisher's layout per file; each module's docstring is the dataset's card."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from data.datasets import cohen, covid_cxnet, jsrt, kermany, nih, shenzhen, table
from data.datasets.layout import Listing

__all__ = ["ADAPTERS", "Adapter", "Listing"]


@dataclass(frozen=True)
class Adapter:
    """How to list one dataset.

    Attributes:
        read: From the dataset's root (for ``csv``, the table) to its images.
        card: Source, licence, citation, content, layout and known bias; its first line sums it up.
        layout: What must lie under the root.
    """

    read: Callable[[Path], Listing]
    card: str
    layout: str

    @property
    def summary(self) -> str:
        """Return the card's first line."""
        return self.card.partition("\n")[0]


ADAPTERS: dict[str, Adapter] = {
    "shenzhen": Adapter(shenzhen.read_shenzhen, shenzhen.__doc__, shenzhen.LAYOUT),
    "jsrt": Adapter(jsrt.read_jsrt, jsrt.__doc__, jsrt.LAYOUT),
    "nih": Adapter(nih.read_nih, nih.__doc__, nih.LAYOUT),
    "covid_cxnet": Adapter(covid_cxnet.read_covid_cxnet, covid_cxnet.__doc__, covid_cxnet.LAYOUT),
    "cohen": Adapter(cohen.read_cohen, cohen.__doc__, cohen.LAYOUT),
    "kermany": Adapter(kermany.read_kermany, kermany.__doc__, kermany.LAYOUT),
    "csv": Adapter(table.read_table_of_images, table.__doc__, table.LAYOUT),
}
