"""A prediction imports no training, tracking or plotting."""

import subprocess
import sys

import pytest

FORBIDDEN = (
    "lightning", "mlflow", "matplotlib", "monai", "pandera", "pandas", "sklearn", "nibabel",
    "isnet_cxr.classification.training", "isnet_cxr.segmentation.training",
    "isnet_cxr.data.learning.fitting", "isnet_cxr.pipeline.tracking",
)  # fmt: skip
RUN = """
import sys
from isnet_cxr.pipeline.cli import app
app({arguments!r}, standalone_mode=False)
print("loaded:", *[name for name in {forbidden!r} if name in sys.modules])
"""


@pytest.fixture(scope="session")
def lung_package(tmp_path_factory):
    """A lung segmenter that was never trained."""
    from isnet_cxr.data.learning.package import Package, write_package
    from isnet_cxr.data.learning.preprocess import Preprocessing
    from isnet_cxr.data.settings import plain_settings
    from isnet_cxr.segmentation.network import KIND, NetworkSettings, build_network

    settings = NetworkSettings(channels=(4, 8))
    config = {
        "kind": KIND,
        "network": plain_settings(settings),
        "preprocessing": plain_settings(Preprocessing(size_px=32)),
        "threshold": 0.5,
        "test_time_mirror": False,
    }
    weights = build_network(settings, seed=0).state_dict()
    folder = tmp_path_factory.mktemp("lungs") / "package"
    return write_package(Package(weights, config, {}, ""), folder)


def test_predicting_one_image_loads_nothing_of_training_or_plotting(
    images, classifier_package, lung_package, tmp_path
):
    arguments = [
        "predict", str(images / "image-0.png"), "--model", str(classifier_package),
        "--lungs", str(lung_package), "--out", str(tmp_path / "out"),
    ]  # fmt: skip
    code = RUN.format(arguments=arguments, forbidden=FORBIDDEN)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "predictions.csv").is_file()
    assert done.stdout.splitlines()[-1].strip() == "loaded:"
