"""The configuration of a study: read from YAML and checked whole before anything runs."""

from isnet_cxr.pipeline.config.ceilings import CeilingConfig
from isnet_cxr.pipeline.config.reading import load_study, parse_study
from isnet_cxr.pipeline.config.schema import (
    CONTROL,
    BiasTestConfig,
    DatasetConfig,
    PhantomsConfig,
    SegmentationConfig,
    StudyConfig,
)

__all__ = [
    "CONTROL",
    "BiasTestConfig",
    "CeilingConfig",
    "DatasetConfig",
    "PhantomsConfig",
    "SegmentationConfig",
    "StudyConfig",
    "load_study",
    "parse_study",
]
