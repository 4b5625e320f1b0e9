"""COVID-CXNet: frontal radiographs of COVID-19, collected from the web.

Source: the COVID-CXNet repository. Licence: claimed CC BY 4.0, rights per image unclear.
Cite: Haghanifar et al. 2022, doi:10.1007/s11042-022-12156-z.
Content: some 900 images of one class; site, patient, view, age and sex unknown. Every image is
taken for a patient of its own, which is optimistic: some patients have several.
Layout: covid19/*.{png,jpg,jpeg,webp}.
Known bias: one class only, screenshots of publications with arrows and letters, and many of the
images that stand in ``cohen`` too (see ``isnet_cxr.data.copies.duplicates``).
"""

from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import list_images
from isnet_cxr.data.datasets.selection import Listing, Selection
from isnet_cxr.data.manifests.records import Record

LAYOUT = "covid19/ with images"
LABELS = {"covid19": "covid"}


def read_covid_cxnet(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the images under ``root``.

    Raises:
        FileNotFoundError: If the folder is missing or holds no image.
        InputError: If a label of ``labels`` does not occur.
    """
    chosen = Selection(LABELS, labels)
    for path in list_images(root / "covid19", layout=LAYOUT):
        label = chosen.classify("covid19")
        if label:
            chosen.use(
                Record(
                    path=path,
                    dataset="covid_cxnet",
                    site="covid_cxnet",
                    patient=path.name,
                    label=label,
                )
            )
    return chosen.listing()
