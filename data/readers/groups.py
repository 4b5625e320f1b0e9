"""Functional groups of multi-frame objects, for those of one frame (PS3.3 C.7.6.16).

Enhanced objects say of each frame, or of all of them, what others say at the top: rescale, window,
spacing, laterality. With one frame there is one answer, and it is put where the others have it.
"""

from pathlib import Path

from pydicom.dataset import Dataset

from isnet_cxr.data.readers.radiograph import UnreadableImage

SHARED, PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
MACROS = {
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence"),
    "FrameVOILUTSequence": ("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"),
    "PixelMeasuresSequence": ("PixelSpacing",),
    "FrameAnatomySequence": ("FrameLaterality",),
}


def apply_functional_groups(path: Path, dataset: Dataset) -> None:
    """Put the attributes of the one frame at the top of the dataset; the frame's own win.

    Raises:
        UnreadableImage: If there are groups of several frames.
    """
    frames = len(dataset.get(PER_FRAME) or ())
    if frames > 1:
        raise UnreadableImage(path, f"{frames} frames in one file; one is read")
    for name in (SHARED, PER_FRAME):
        for group in (dataset.get(name) or ())[:1]:
            _apply_group(dataset, group)


def _apply_group(dataset: Dataset, group: Dataset) -> None:
    for macro, keywords in MACROS.items():
        for item in (group.get(macro) or ())[:1]:
            found = [keyword for keyword in keywords if keyword in item]
            for keyword in keywords if found else ():  # one set: half of another helps nobody
                if keyword in dataset:
                    del dataset[keyword]
            for keyword in found:
                dataset[keyword] = item[keyword]
