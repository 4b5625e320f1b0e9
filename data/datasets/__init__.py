"""One publisher's layout per file; each module's docstring is the dataset's card."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from isnet_cxr.data.datasets import (
    actualmed,
    bimcv,
    brixia,
    chexpert,
    cohen,
    covid_cxnet,
    covid_radiography,
    covidx,
    dicom,
    figure1,
    folder,
    hannover,
    jsrt,
    kermany,
    mimic_cxr,
    montgomery,
    nih,
    padchest,
    rsna,
    shenzhen,
    siim,
    table,
    tb_portals,
    v7,
)
from isnet_cxr.data.datasets.selection import Listing

__all__ = ["ADAPTERS", "Adapter", "Listing"]


class Reader(Protocol):
    """Lists a dataset."""

    def __call__(self, root: Path, /, *, labels: Mapping[str, str] | None = None) -> Listing:
        """From the dataset's root, and the user's own classes for some labels, to its images."""
        ...


@dataclass(frozen=True)
class Adapter:
    """How to list one dataset.

    Attributes:
        read: From the dataset's root (for ``csv``, the table) to its images.
        card: Source, licence, citation, content, layout and known bias; its first line sums it up.
        layout: What must lie under the root.
        labels: The publisher's labels and the classes that they stand for.
    """

    read: Reader
    card: str
    layout: str
    labels: Mapping[str, str]

    @property
    def summary(self) -> str:
        """Return the card's first line."""
        return self.card.partition("\n")[0]


ADAPTERS: dict[str, Adapter] = {
    "shenzhen": Adapter(shenzhen.read_shenzhen, shenzhen.__doc__, shenzhen.LAYOUT, shenzhen.LABELS),
    "montgomery": Adapter(
        montgomery.read_montgomery, montgomery.__doc__, montgomery.LAYOUT, montgomery.LABELS
    ),
    "jsrt": Adapter(jsrt.read_jsrt, jsrt.__doc__, jsrt.LAYOUT, jsrt.LABELS),
    "nih": Adapter(nih.read_nih, nih.__doc__, nih.LAYOUT, nih.LABELS),
    "rsna": Adapter(rsna.read_rsna, rsna.__doc__, rsna.LAYOUT, rsna.LABELS),
    "chexpert": Adapter(chexpert.read_chexpert, chexpert.__doc__, chexpert.LAYOUT, chexpert.LABELS),
    "mimic_cxr": Adapter(
        mimic_cxr.read_mimic_cxr, mimic_cxr.__doc__, mimic_cxr.LAYOUT, mimic_cxr.LABELS
    ),
    "padchest": Adapter(padchest.read_padchest, padchest.__doc__, padchest.LAYOUT, padchest.LABELS),
    "bimcv": Adapter(bimcv.read_bimcv, bimcv.__doc__, bimcv.LAYOUT, bimcv.LABELS),
    "brixia": Adapter(brixia.read_brixia, brixia.__doc__, brixia.LAYOUT, brixia.LABELS),
    "covid_cxnet": Adapter(
        covid_cxnet.read_covid_cxnet, covid_cxnet.__doc__, covid_cxnet.LAYOUT, covid_cxnet.LABELS
    ),
    "cohen": Adapter(cohen.read_cohen, cohen.__doc__, cohen.LAYOUT, cohen.LABELS),
    "hannover": Adapter(hannover.read_hannover, hannover.__doc__, hannover.LAYOUT, hannover.LABELS),
    "actualmed": Adapter(
        actualmed.read_actualmed, actualmed.__doc__, actualmed.LAYOUT, actualmed.LABELS
    ),
    "figure1": Adapter(figure1.read_figure1, figure1.__doc__, figure1.LAYOUT, figure1.LABELS),
    "covidx": Adapter(covidx.read_covidx, covidx.__doc__, covidx.LAYOUT, covidx.LABELS),
    "covid_radiography": Adapter(
        covid_radiography.read_covid_radiography,
        covid_radiography.__doc__,
        covid_radiography.LAYOUT,
        covid_radiography.LABELS,
    ),
    "v7": Adapter(v7.read_v7, v7.__doc__, v7.LAYOUT, v7.LABELS),
    "kermany": Adapter(kermany.read_kermany, kermany.__doc__, kermany.LAYOUT, kermany.LABELS),
    "tb_portals": Adapter(
        tb_portals.read_tb_portals, tb_portals.__doc__, tb_portals.LAYOUT, tb_portals.LABELS
    ),
    "siim": Adapter(siim.read_siim, siim.__doc__, siim.LAYOUT, siim.LABELS),
    "folder": Adapter(folder.read_folder, folder.__doc__, folder.LAYOUT, folder.LABELS),
    "dicom": Adapter(dicom.read_dicom_tree, dicom.__doc__, dicom.LAYOUT, dicom.LABELS),
    "csv": Adapter(table.read_table_of_images, table.__doc__, table.LAYOUT, {}),
}
