"""A study's trainings on a Ray cluster, of which a machine is lost, are those of the pool."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import TwoNodes, two_nodes
from tests_jobs import chat, crash, mistake

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.manifests.manifest import write_manifest
from isnet_cxr.data.phantoms import DEVELOPMENT, LABELS, make_hospital
from isnet_cxr.pipeline.cluster import run_on_cluster
from isnet_cxr.pipeline.config import StudyConfig, parse_study
from isnet_cxr.pipeline.study.run import run_study

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def short_study(folder: Path) -> StudyConfig:
    """A study of two short trainings."""
    datasets = {}
    for hospital in DEVELOPMENT:
        counts = dict.fromkeys(hospital.looks, 6)
        images = make_hospital(
            hospital, folder / hospital.name, counts=counts, seed=0, suffix="png"
        )
        number = {patient: n for n, patient in enumerate(images["patient_id"].unique())}
        splits = ("test", "val", *["train"] * 4)
        images["split"] = [splits[number[patient]] for patient in images["patient_id"]]
        write_manifest(images, folder / f"{hospital.name}.csv")
        datasets[hospital.name] = {"manifest": str(folder / f"{hospital.name}.csv")}
    described = {
        "name": "on a cluster",
        "classes": list(LABELS),
        "datasets": datasets,
        "development": [hospital.name for hospital in DEVELOPMENT],
        "exclude_duplicates": False,
        "defaults": {"preprocessing": {"size_px": 32}, "epochs": 6, "batch_size": 8},
        "classifiers": {"baseline": {"method": "baseline"}},
        "background_control": False,
        "seeds": [0, 1],
    }
    return parse_study(described, folder=folder)


@pytest.fixture(scope="module")
def nodes() -> Iterator[TwoNodes]:
    with two_nodes() as running:
        yield running


def test_every_message_of_every_job_arrives_in_order(nodes):
    heard: dict[str, list[object]] = {}
    run_on_cluster(
        chat, ["a", "b", "c"], address=nodes.address, cpus=1,
        on_message=lambda job, kind, content: heard.setdefault(job, []).append((kind, content)),
    )  # fmt: skip
    assert heard == {job: [("epoch", (n, {"loss": n / 2})) for n in range(3)] for job in "abc"}


def test_errors_are_the_users_or_bring_their_traceback(nodes):
    def run(work: object) -> None:
        run_on_cluster(work, [1], address=nodes.address, cpus=1, on_message=lambda *_: None)

    with pytest.raises(InputError, match=r"^manifest: unknown column 'x'"):
        run(mistake)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        run(crash)


def test_a_study_on_a_cluster_that_loses_a_machine_has_the_same_summary(nodes, tmp_path):
    config = short_study(tmp_path / "hospitals")
    here = run_study(config, tmp_path / "here", say=lambda _: None, progress=False)
    killed = []

    def kill_after_two_epochs(line: str) -> None:
        if "epoch 2/" in line and not killed:
            killed.append(line)
            nodes.kill_worker()

    there = run_study(
        config, tmp_path / "there", say=kill_after_two_epochs, progress=False, ray=nodes.address
    )
    assert killed
    assert there.summary == here.summary
    read = [
        json.loads((tmp_path / name / "summary.json").read_text()) for name in ("here", "there")
    ]
    assert read[0] == read[1]
