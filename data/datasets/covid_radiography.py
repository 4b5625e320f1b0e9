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
masks/, of 256 x 256 px.
Known bias: each class has its sources: COVID-19 from padchest/bimcv (2,473), hannover (183),
cohen and the web (559) and covid_cxnet (400); normal from rsna (8,851) and kermany (1,341); lung
opacity from rsna; viral pneumonia from kermany, children. The source gives the class away. The
masks are a network's: no reference to score lungs on.
"""

from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.data.datasets.layout import list_images
from isnet_cxr.data.datasets.selection import Listing, Selection
from isnet_cxr.data.manifests.records import Record

LAYOUT = "{COVID,Normal,Lung_Opacity,Viral Pneumonia}/{images,masks}/*.png"
LABELS = {
    "COVID": "covid",
    "Normal": "normal",
    "Lung_Opacity": "pneumonia",
    "Viral Pneumonia": "pneumonia",
}


def read_covid_radiography(root: Path, *, labels: Mapping[str, str] | None = None) -> Listing:
    """List the images under ``root``; those without a mask have none.

    Raises:
        FileNotFoundError: If a class folder is missing or holds no image.
        InputError: If a label of ``labels`` does not occur.
    """
    chosen = Selection(LABELS, labels)
    for folder in LABELS:
        for path in list_images(root / folder / "images", layout=LAYOUT):
            label = chosen.classify(folder)
            if label:
                mask = root / folder / "masks" / path.name
                chosen.use(
                    Record(
                        path=path,
                        dataset="covid_radiography",
                        site="covid_radiography",
                        patient=path.stem,
                        label=label,
                        lung_masks=(mask,) if mask.is_file() else (),
                    )
                )
    return chosen.listing()
