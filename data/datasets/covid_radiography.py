"""COVID-19 Radiography Database: a collection of other collections, with lung masks by a network.

Source: Qatar University and the University of Dhaka, on Kaggle. Licence: that of each source.
Cite: Chowdhury et al. 2020, doi:10.1109/ACCESS.2020.3010287;
Rahman et al. 2021, doi:10.1016/j.compbiomed.2021.104319.
Content: 21,165 images of 299 x 299 px: 3,616 COVID-19, 10,192 normal, 6,012 lung opacity (not
COVID-19) and 1,345 viral pneumonia. Patient, view, age and sex unknown: every image is taken for a
patient of its own, which is optimistic.
Label: the folder. Lung_Opacity (RSNA's class for flagged pneumonia) and Viral Pneumonia are
pneumonia.
Layout: {COVID,Normal,Lung_Opacity,Viral Pneumonia}/images/*.png, and masks of the same names in
masks/, of 256 x 256 px; of a partial copy, the folders and images that are there.
Site: the source that {COVID,Normal,...}.metadata.xlsx names for an image, where these lie beside
the folders; without them, all images have one.
Known bias: each class has its sources: COVID-19 from padchest/bimcv (2,473), hannover (183),
cohen and the web (559) and covid_cxnet (400); normal from rsna (8,851) and kermany (1,341); lung
opacity from rsna; viral pneumonia from kermany, children. The source gives the class away. The
masks are a network's: no reference to score lungs on.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from isnet_cxr.data.datasets.layout import existing_folder, list_images
from isnet_cxr.data.datasets.selection import NOT_HERE, Listing, Selection
from isnet_cxr.data.datasets.workbook import read_sheet
from isnet_cxr.data.manifests.records import Record

LAYOUT = "{COVID,Normal,Lung_Opacity,Viral Pneumonia}/{images,masks}/*.png"
LABELS = {
    "COVID": "covid",
    "Normal": "normal",
    "Lung_Opacity": "pneumonia",
    "Viral Pneumonia": "pneumonia",
}
PUBLISHED = {"COVID": 3616, "Normal": 10192, "Lung_Opacity": 6012, "Viral Pneumonia": 1345}
"""Images of each folder in the last release."""
NAME, URL = "FILE NAME", "URL"
SITES = {
    "bimcv": "BIMCV",
    "ml-workgroup": "Hannover Medical School",
    "covid-cxnet": "covid_cxnet",
    "ieee8023": "cohen",
    "sirm.org": "SIRM",
    "rsna-pneumonia": "NIH Clinical Center",
    "chest-xray-pneumonia": "Guangzhou Women and Children's Medical Center",
}
"""What the addresses of the sources have in them, and the sites as other datasets call them."""


def read_covid_radiography(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the images under ``root``; those without a mask have none.

    Raises:
        FileNotFoundError: If no class folder holds an image.
        InputError: If a label of ``labels`` does not occur, or a sheet is damaged.
    """
    found = {folder: _images(root, folder) for folder in LABELS}
    if not any(found.values()):
        raise FileNotFoundError(f"{root}: no image in a class folder; expected {LAYOUT}")
    chosen = Selection(LABELS, labels)
    for folder, images in found.items():
        sites = _sites(root / f"{folder}.metadata.xlsx")
        for path in images:
            label = chosen.classify(folder)
            if label:
                mask = root / folder / "masks" / path.name
                chosen.use(
                    Record(
                        path=path,
                        dataset="covid_radiography",
                        site=sites.get(path.stem.casefold(), "covid_radiography"),
                        patient=path.stem,
                        label=label,
                        lung_masks=(mask,) if mask.is_file() else (),
                    )
                )
        chosen.leave_out(NOT_HERE, max(0, PUBLISHED[folder] - len(images)))
    return chosen.listing()


def _images(root: Path, folder: str) -> list[Path]:
    """Return a class's images; none where a partial copy lacks the folder."""
    existing_folder(root, layout=LAYOUT)
    try:
        return list_images(root / folder / "images", layout=LAYOUT)
    except FileNotFoundError:
        return []


def _sites(sheet: Path) -> dict[str, str]:
    """Return the source of each image by its name, whose case the sheets do not keep."""
    if not sheet.is_file():
        return {}
    rows = read_sheet(sheet, columns=(NAME, URL))
    return {row[NAME].casefold(): site for row in rows if (site := _site(row[URL]))}


def _site(address: str) -> str:
    """Return the site of a source's address: the known one, or else its host."""
    known = (site for mark, site in SITES.items() if mark in address.casefold())
    try:
        return next(known, None) or urlsplit(address.strip()).hostname or ""
    except ValueError:
        return ""
