"""A prediction job on a cluster that loses a machine: complete, and equal to the local one."""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from clusters import TwoNodes, two_nodes

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.writers import write_dicom, write_png
from isnet_cxr.pipeline.prediction.batch import predict_images
from isnet_cxr.pipeline.prediction.on_cluster import predict_on_cluster

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

NOTES = ("ledger", "shards")


@pytest.fixture(scope="module")
def nodes() -> Iterator[TwoNodes]:
    with two_nodes() as running:
        yield running


@pytest.fixture
def inputs(tmp_path: Path) -> list[Path]:
    """Two folders with images of one name, copies, a cut image and a letter."""
    folders = [tmp_path / name for name in ("b", "a")]
    for which, folder in enumerate(folders):
        for number in range(60):
            seed = 7 if number % 20 == 7 else 100 * which + number
            pixels = np.random.default_rng(seed).random((1, 40, 48), np.float32)
            write_png(pixels, folder / f"{number}.png")
        (folder / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
        (folder / "letter.txt").write_text("no image")
    return folders


def results(out: Path) -> dict[str, bytes]:
    """What a job wrote, without its notes, its log and how long it took."""
    found = {}
    for path in sorted(out.rglob("*")):
        place = path.relative_to(out)
        if path.is_file() and place.parts[0] not in NOTES and path.suffix != ".log":
            found[str(place)] = path.read_bytes()
    record = json.loads(found.pop("run.json"))
    record.pop("seconds")
    return found | {"run.json": json.dumps(record).encode()}


def kill_after_a_batch(nodes: TwoNodes, out: Path, killed: list[int]) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        done = len(list(out.glob("shards/*/*/ledger/0*.json")))
        if done >= 2:
            nodes.kill_worker()
            killed.append(done)
            return
        time.sleep(0.02)


def test_a_lost_machine_costs_nothing(nodes, inputs, classifier_package, tmp_path):
    given = {"model": classifier_package, "device": "cpu"}
    predict_images(inputs, out=tmp_path / "here", shown=False, **given)
    killed: list[int] = []
    there = tmp_path / "there"
    killer = threading.Thread(target=kill_after_a_batch, args=(nodes, there, killed))
    killer.start()
    outcome = predict_on_cluster(inputs, out=there, address=nodes.address, **given)
    killer.join()
    of = int(next((there / "shards").glob("of-*")).name.removeprefix("of-"))
    assert killed
    assert killed[0] < of  # in the middle
    assert outcome.count == 120
    assert results(there) == results(tmp_path / "here")

    write_png(np.random.default_rng(999).random((1, 40, 48), np.float32), inputs[0] / "new.png")
    predict_on_cluster(inputs, out=there, address=nodes.address, **given)
    assert len((there / "predictions.csv").read_text().splitlines()) == 1 + 116


def test_objects_for_an_archive_are_those_of_the_local_job(nodes, classifier_package, tmp_path):
    pytest.importorskip("highdicom", reason="the extra dicom is not installed")
    from isnet_cxr.pipeline.prediction.dicom_objects import ask_for

    inputs = [tmp_path / "inputs"]
    for number in range(20):
        pixels = np.random.default_rng(number // 2).random((1, 40, 48), np.float32)  # and copies
        write_dicom(pixels, inputs[0] / f"{number}.dcm", (0.4, 0.7), view="PA", patient_id="Jane")
    given = {"model": classifier_package, "device": "cpu"}
    asked = [ask_for("sr", classifier_package, None)]
    predict_images(inputs, out=tmp_path / "here", shown=False, asked=asked, **given)
    there = tmp_path / "there"
    predict_on_cluster(inputs, out=there, address=nodes.address, dicom="sr", **given)
    assert len(list((there / "shards").glob("of-*/*"))) > 1
    names = [
        {path.name for path in (out / "dicom").iterdir()} for out in (there, tmp_path / "here")
    ]
    assert names[0] == names[1]
    assert len(names[0]) == 10
    tables = [(out / "predictions.csv").read_bytes() for out in (there, tmp_path / "here")]
    assert tables[0] == tables[1]


def test_results_of_another_job_or_among_the_inputs_are_refused(
    nodes, inputs, classifier_package, tmp_path
):
    predict_images(inputs[:1], model=classifier_package, out=tmp_path / "used", shown=False)
    for out, said in (
        (tmp_path / "used", "holds the results of a job"),
        (inputs[0] / "out", "lies among the inputs"),
    ):
        with pytest.raises(InputError, match=said):
            predict_on_cluster(inputs, model=classifier_package, out=out, address=nodes.address)
        assert os.path.isdir(out) == (out.name == "used")
