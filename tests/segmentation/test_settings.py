from dataclasses import replace

import pytest

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.learning.preprocess import Preprocessing
from isnet_cxr.segmentation.network import NetworkSettings
from isnet_cxr.segmentation.settings import SegmentationSettings


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"epochs": 0}, "epochs: expected at least 1, got 0"),
        ({"threshold": 1.0}, "threshold: expected above 0 and below 1, got 1.0"),
        ({"framed_share": 1.5}, "framed_share: expected at least 0 and at most 1, got 1.5"),
        ({"weight_decay": -1.0}, "weight_decay: expected at least 0, got -1.0"),
        ({"learning_rate": 0.0}, "learning_rate: expected above 0, got 0.0"),
        ({"test_time_mirror": True}, "test_time_mirror needs augmentation.flip: true"),
        ({"preprocessing": Preprocessing(size_px=100)}, "size_px must be a multiple of"),
    ],
)
def test_settings_that_cannot_train_are_refused(changed, message):
    with pytest.raises(InputError, match=message):
        replace(SegmentationSettings(), **changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"channels": (16,)}, "channels: expected at least two levels"),
        ({"channels": (16, 0)}, "channels: expected at least 1, got 0"),
        ({"residual_units": -1}, "residual_units: expected at least 0, got -1"),
    ],
)
def test_shapes_that_are_no_network_are_refused(changed, message):
    with pytest.raises(InputError, match=message):
        NetworkSettings(**changed)
