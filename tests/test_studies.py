"""The repository's studies can be read, and those that belong together stay together."""

import os
from pathlib import Path

import pytest
import yaml

from isnet_cxr.pipeline.config import load_study

STUDIES = sorted((Path(__file__).resolve().parents[1] / "studies").glob("*.yaml"))


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with an empty one for every dataset that a study names."""
    monkeypatch.setenv("ISNET_CXR_DATA", str(tmp_path))
    for path in STUDIES:
        for dataset in yaml.safe_load(path.read_text())["datasets"].values():
            if "root" in dataset:
                Path(os.path.expandvars(dataset["root"])).mkdir(exist_ok=True)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_is_right_in_all_its_keys(path):
    study = load_study(path)
    assert study.classifiers
    assert f"studies/{path.name} --out" in path.read_text(), "its first lines say how to run it"


def test_the_claim_on_a_gpu_is_the_claim_with_another_network():
    plain, gpu = (
        yaml.safe_load(next(path for path in STUDIES if path.stem == name).read_text())
        for name in ("claim", "claim-gpu")
    )
    differ = {key for key in plain.keys() | gpu.keys() if plain.get(key) != gpu.get(key)}
    assert differ <= {"name", "defaults", "classifiers", "jobs", "threads_per_training"}
    of_network = {"learning_rate", "epochs"}
    for name, settings in plain["classifiers"].items():
        own = gpu["classifiers"][name]
        assert {key for key in settings if settings[key] != own.get(key)} <= of_network
