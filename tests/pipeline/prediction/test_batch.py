"""Every file given is predicted, or it is said in one line why not."""

import csv
import shutil

import pytest
import torch

from isnet_cxr.data.learning.package import WEIGHTS


def test_equal_names_in_two_inputs_are_both_kept(command, images, classifier_package, tmp_path):
    other = tmp_path / "others"
    shutil.copytree(images, other)
    shutil.copy(images / "image-0.png", other / "image-1.png")
    out = tmp_path / "out"
    code, _, said = command(
        "classify", "explain", images, other, "--model", classifier_package, "--out", out
    )
    assert code == 0, said
    with (out / "files.csv").open() as stream:
        names = [row["file"] for row in csv.DictReader(stream)]
    numbers = range(3)
    assert sorted(names) == sorted(
        [*(f"images/image-{n}.png" for n in numbers), *(f"others/image-{n}.png" for n in numbers)]
    )


def test_a_file_named_twice_is_predicted_once(command, images, classifier_package, tmp_path):
    out = tmp_path / "out"
    command(
        "classify", "explain", images, images / "image-0.png", "--model", classifier_package,
        "--out", out,
    )  # fmt: skip
    assert len((out / "files.csv").read_text().splitlines()) == 4


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
@pytest.mark.parametrize("device", ["cuda", "cuda:7", "abacus"])
def test_a_device_that_is_not_there_is_told_in_one_line(
    command, images, classifier_package, tmp_path, device
):
    code, _, said = command(
        "predict", images, "--model", classifier_package, "--out", tmp_path, "--device", device
    )
    assert code == 2
    assert len(said.splitlines()) == 1
    assert f"device '{device}'" in said


@pytest.mark.parametrize("kept", [0, 5, 0.5])
def test_damaged_weights_are_told_in_one_line(command, images, classifier_package, tmp_path, kept):
    package = shutil.copytree(classifier_package, tmp_path / "package")
    whole = (package / WEIGHTS).read_bytes()
    length = int(kept * len(whole)) if isinstance(kept, float) else kept
    (package / WEIGHTS).write_bytes(whole[:length])
    code, _, said = command("predict", images, "--model", package, "--out", tmp_path / "out")
    assert code == 2
    assert len(said.splitlines()) == 1
    assert str(package / WEIGHTS) in said
