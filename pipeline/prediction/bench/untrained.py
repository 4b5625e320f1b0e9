"""A model package for measurements: a classifier and a lung segmenter that learned nothing."""

from pathlib import Path

from isnet_cxr.classification.classifier import KIND as CLASSIFIER
from isnet_cxr.classification.networks import build_network
from isnet_cxr.data.learning.package import LUNGS, Package, write_package
from isnet_cxr.segmentation.network import KIND as SEGMENTER
from isnet_cxr.segmentation.network import NetworkSettings, build_runtime_network

CLASSES = ("normal", "covid")


def write_untrained(
    folder: Path, *, network: str = "contextnet-small", size_px: int = 128, mirror: bool = False
) -> Path:
    """Write an untrained classifier and, in its package, an untrained lung segmenter.

    Args:
        folder: Where to.
        network: The classifier's.
        size_px: Side of the square that the classifier sees.
        mirror: Whether the lungs are looked for in the mirror image, too.
    """
    settings = {"network": network, "preprocessing": {"size_px": size_px}}
    classifier = build_network(network, classes=len(CLASSES), seed=0)
    config = {"kind": CLASSIFIER, "classes": list(CLASSES), "settings": settings}
    write_package(Package(classifier.state_dict(), config, {}, ""), folder)
    shape = NetworkSettings()
    lungs = {
        "kind": SEGMENTER,
        "network": {
            "channels": list(shape.channels),
            "residual_units": shape.residual_units,
            "norm": shape.norm,
        },
        "preprocessing": {"size_px": 256},
        "threshold": 0.5,
        "test_time_mirror": mirror,
    }
    segmenter = build_runtime_network(shape)
    write_package(Package(segmenter.state_dict(), lungs, {}, ""), folder / LUNGS)
    return folder
