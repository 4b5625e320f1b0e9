from dataclasses import replace

import pytest

from isnet_cxr.data.learning.preprocess import Preprocessing
from isnet_cxr.segmentation.settings import SegmentationSettings


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"epochs": 0}, "epochs must be above 0, got 0"),
        ({"threshold": 1.0}, "threshold must lie between 0 and 1, got 1.0"),
        ({"test_time_mirror": True}, "test_time_mirror needs augmentation.flip: true"),
        ({"preprocessing": Preprocessing(size_px=100)}, "size_px must be a multiple of"),
    ],
)
def test_settings_that_cannot_train_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        replace(SegmentationSettings(), **changed)
