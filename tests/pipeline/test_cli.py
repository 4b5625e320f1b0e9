"""The command line: help at once, wrong input in one line, what failed is listed."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isnet_cxr.pipeline import cli

HEAVY = {"torch", "monai", "lightning", "mlflow", "matplotlib", "pandas"}


def assert_one_line(result: tuple[int, str, str], *named: str) -> None:
    code, _, err = result
    lines = [line for line in err.splitlines() if line.startswith("isnet-cxr: ")]
    assert (code, len(lines)) == (2, 1), err
    assert "Traceback" not in err
    for name in named:
        assert name in lines[0]


def test_help_needs_nothing_heavy():
    script = (
        "import sys, isnet_cxr.pipeline.cli as cli; sys.argv = ['isnet-cxr', '--help']\n"
        "try: cli.main()\nexcept SystemExit: pass\n"
        f"print(sorted(set(sys.modules) & {HEAVY!r}), file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert ended.stderr.strip() == "[]"
    assert "Not a medical device".lower() in ended.stdout.lower()


@pytest.mark.parametrize(
    "path",
    ["demo", "import", "audit", "split", "study", "predict", "merge", "doctor", "bench training",
     "bench heatmap", "bench data", "bench predict", "segment train", "segment predict",
     "segment score", "classify train", "classify predict", "classify explain"],
)  # fmt: skip
def test_every_command_explains_itself(command, path):
    code, out, _ = command(*path.split(), "--help")
    assert code == 0
    assert "Usage:" in out


def test_a_missing_study_is_one_line(command, tmp_path):
    result = command("study", tmp_path / "none.yaml", "--out", tmp_path / "out")
    assert_one_line(result, "none.yaml", "no such file")


def test_a_wrong_key_of_a_study_is_one_line_with_the_near_miss(command, tmp_path):
    (tmp_path / "study.yaml").write_text("name: a\nclases: [normal, covid]\n")
    result = command("study", tmp_path / "study.yaml", "--out", tmp_path / "out")
    assert_one_line(result, "study.yaml", "'clases'", "'classes'")
    assert not (tmp_path / "out").exists()


def test_a_missing_manifest_is_one_line(command, tmp_path):
    package = tmp_path / "package"
    result = command(
        "segment", "predict", tmp_path / "none.csv", "--model", package, "--out", tmp_path
    )
    assert_one_line(result, "none.csv")


def test_a_missing_package_is_one_line(command, tmp_path, images):
    result = command("predict", images, "--model", tmp_path / "none", "--out", tmp_path / "out")
    assert_one_line(result, "none")


def test_a_missing_input_is_one_line(command, tmp_path, classifier_package):
    out = tmp_path / "out"
    result = command("predict", tmp_path / "none", "--model", classifier_package, "--out", out)
    assert_one_line(result, "none: no such file")


def test_a_folder_without_images_is_one_line(command, tmp_path, classifier_package):
    (tmp_path / "empty").mkdir()
    out = tmp_path / "out"
    result = command("predict", tmp_path / "empty", "--model", classifier_package, "--out", out)
    assert_one_line(result, "empty")


def test_an_unreadable_image_alone_is_one_line(command, tmp_path, classifier_package):
    (tmp_path / "broken.png").write_bytes(b"not a PNG")
    image, out = tmp_path / "broken.png", tmp_path / "out"
    result = command("predict", image, "--model", classifier_package, "--out", out)
    assert_one_line(result, "broken.png")


def test_an_unreadable_image_among_others_is_listed_and_the_rest_is_done(
    command, tmp_path, images, classifier_package
):
    (images / "broken.png").write_bytes(b"not a PNG")
    out = tmp_path / "out"
    code, _, _ = command("predict", images, "--model", classifier_package, "--out", out)
    assert code == 3
    with (out / "failures.csv").open() as stream:
        assert [row["path"] for row in csv.DictReader(stream)] == ["broken.png"]
    with (out / "predictions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 3
    for row in rows:
        assert (out / "heatmaps" / f"{row['image_id']}.png").is_file()
        assert float(row["p_normal"]) + float(row["p_covid"]) == pytest.approx(1, abs=1e-5)


def test_predictions_do_not_name_files(command, tmp_path, images, classifier_package):
    (images / "image-0.png").rename(images / "Jane Doe 1961.png")
    out = tmp_path / "out"
    code, shown, said = command("predict", images, "--model", classifier_package, "--out", out)
    assert code == 0
    naming = [p.name for p in out.rglob("*.csv") if "Jane" in p.read_text()]
    assert naming == ["files.csv"]
    assert "Jane" not in shown + said + " ".join(p.name for p in out.rglob("*"))


def test_images_that_look_inverted_are_marked_in_the_predictions(
    command, tmp_path, classifier_package, monkeypatch
):
    from isnet_cxr.data.phantoms import HOSPITALS, make_phantom
    from isnet_cxr.data.review.flags import INVERTED
    from isnet_cxr.data.writers import write_png
    from isnet_cxr.segmentation.segmenter import LungMask, LungSegmenter

    phantom = make_phantom(next(iter(HOSPITALS.values())), "normal", 0, seed=0)
    write_png(phantom.pixels, tmp_path / "images" / "a right.png")
    write_png(1 - phantom.pixels, tmp_path / "images" / "b inverted.png")

    class Drawn:
        def segment(self, _):
            return LungMask(phantom.mask, "good", ())

    monkeypatch.setattr(LungSegmenter, "load", lambda *_: Drawn())
    images, out = tmp_path / "images", tmp_path / "out"
    options = ("--model", classifier_package, "--lungs", tmp_path, "--out", out)
    assert command("predict", images, *options)[0] == 0
    with (out / "predictions.csv").open() as stream:
        assert [row["review_flag"] for row in csv.DictReader(stream)] == ["", INVERTED]


def test_an_unknown_class_is_one_line(command, tmp_path, images, classifier_package):
    result = command(
        "classify", "explain", images, "--model", classifier_package,
        "--out", tmp_path / "out", "--class", "covdi",
    )  # fmt: skip
    assert_one_line(result, "'covdi'", "normal", "covid")


@pytest.mark.parametrize("label", ["normal", "covid", "predicted"])
def test_images_are_explained_as_pictures_and_arrays(
    command, tmp_path, images, classifier_package, label
):
    chosen = sorted(Path(images).iterdir())[:2]
    out = tmp_path / "out"
    code, shown, _ = command(
        "classify", "explain", *chosen, "--model", classifier_package, "--out", out,
        "--class", label,
    )  # fmt: skip
    assert code == 0
    assert "2 heatmaps" in shown
    with (out / "predictions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2
    for row in rows:
        heatmap = np.load(out / "arrays" / f"{row['image_id']}.npy", allow_pickle=False)
        assert (heatmap.shape, heatmap.dtype) == ((32, 32), np.float32)
        strength = np.abs(heatmap)
        assert float(row["full_colour"]) == pytest.approx(np.quantile(strength, 0.995), rel=1e-3)
        assert (out / "heatmaps" / f"{row['image_id']}.png").is_file()
        assert row["explained"] == (row["predicted"] if label == "predicted" else label)


def test_an_image_without_label_is_one_line(command, tmp_path, write_images):
    manifest = write_images("here", label=lambda number: "" if number == 1 else "normal")
    result = command(
        "classify", "train", manifest, "--out", tmp_path / "out", "--classes", "normal,covid",
        "--set", "method=baseline",
    )  # fmt: skip
    assert_one_line(result, "no label")


def test_an_empty_mask_is_one_line(command, tmp_path, write_images):
    manifest = write_images("here", lungs=np.zeros((40, 32), np.uint8))
    result = command(
        "classify", "train", manifest, "--out", tmp_path / "out", "--classes", "normal,covid",
        "--set", "preprocessing.size_px=32",
    )  # fmt: skip
    assert_one_line(result, "empty")


def test_a_wrong_setting_is_one_line_with_the_near_miss(command, tmp_path, write_images):
    result = command(
        "segment", "train", write_images("here"), "--out", tmp_path / "out", "--set", "epoch=3"
    )
    assert_one_line(result, "settings.epoch", "'epochs'")


def test_an_unknown_dataset_is_one_line(command, tmp_path):
    result = command("import", "shenzen", tmp_path, "--out", tmp_path / "m.csv")
    assert_one_line(result, "'shenzen'", "'shenzhen'")


def test_known_datasets_are_listed(command):
    code, out, _ = command("import", "--list")
    assert code == 0
    assert all(name in out for name in ("shenzhen", "jsrt", "nih", "covid_cxnet", "csv"))
    assert "Lung_Opacity = pneumonia" in out


def test_the_classes_of_an_import_are_the_user_s(command, tmp_path):
    from isnet_cxr.data.writers import write_png

    for name in ("sick", "well"):
        write_png(np.full((4, 4), len(name), np.uint8), tmp_path / "images" / name / f"{name}.png")
    arguments = ("import", "folder", tmp_path / "images", "--out", tmp_path / "m.csv")
    code, out, _ = command(*arguments, "--label", "sick=covid", "--label", "well=")
    assert code == 0
    assert "covid: 1" in out
    assert "left out, label 'well' stands for no class: 1" in out
    assert_one_line(command(*arguments, "--label", "sik=covid"), "'sik'", "'sick'")
    assert_one_line(command(*arguments, "--label", "sick"), "--label expects PUBLISHED=CLASS")


def test_an_audit_answers_programs_and_a_leak_misses_the_check(command, write_images):
    import json

    images, test = write_images("here"), write_images("elsewhere")
    code, out, _ = command("audit", images, "--external", test, "--json", "--check")
    found = json.loads(out)
    assert (code, found["leaks"]) == (0, [])
    assert found["roles"]["elsewhere"]["images"] == 8
    code, out, _ = command("audit", images, "--external", images, "--no-pixels", "--check")
    assert code == 1
    assert "images in train and here" in out


def test_an_audit_says_which_image_has_two_classes(command, write_images):
    from isnet_cxr.data.manifests.manifest import read_manifest, write_manifest

    images = read_manifest(write_images("here"))
    again = images.iloc[[0, 1]].assign(label=images["label"][1], patient_id="here/0123456789ab")
    manifest = Path(images["path"][0]).parent / "twice.csv"
    write_manifest(pd.concat([images, again]), manifest)
    _, out, _ = command("audit", manifest, "--no-pixels")
    lines = [line for line in out.splitlines() if "rows of different" in line]
    assert lines == [
        f"1 image has rows of different classes ({images['image_id'][0]})",
        f"2 images have rows of different patients ({images['image_id'][0]}, ...)",
    ]


def test_an_audit_lists_what_cannot_be_read(command, write_images):
    images = write_images("here")
    (images.parent / "3.png").write_bytes(b"no image")
    code, out, _ = command("audit", images)
    assert code == 3
    assert "Images that cannot be read" in out
    assert "3.png" not in out


def test_a_bug_keeps_its_traceback(monkeypatch):
    def broken() -> None:
        int("not a number")  # a ValueError that no code of this project raised

    monkeypatch.setattr(cli, "app", broken)
    # ``int`` has no frame of its own: what raised is this test, not a room of the project
    with pytest.raises(ValueError, match="not a number"):
        cli.main()


def test_the_doctor_answers_programs(command):
    import json

    code, out, _ = command("doctor", "--json")
    assert code in {0, 3}
    assert json.loads(out)["versions"]["torch"]["ok"]


def test_outputs_stay_out_of_the_inputs(command, tmp_path, images, classifier_package):
    before = sorted(path.name for path in Path(images).iterdir())
    command("predict", images, "--model", classifier_package, "--out", tmp_path / "out")
    assert sorted(path.name for path in Path(images).iterdir()) == before


def test_the_quick_doctor_needs_no_network_and_no_torch(tmp_path):
    """A container's health check: what a prediction needs, whatever store is set."""
    code = (
        "import socket, sys\n"
        "def refuse(*_): raise OSError('network')\n"
        "socket.socket.connect = refuse\n"
        "sys.argv = ['isnet-cxr', 'doctor', '--quick']\n"
        "from isnet_cxr.pipeline.cli import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    assert not {'torch', 'mlflow'} & set(sys.modules)\n"
    )
    given = {**os.environ, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    said = subprocess.run(
        [sys.executable, "-c", code], env=given, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    assert "pylibjpeg-openjpeg" in said.stdout


def test_the_quick_doctor_tells_a_full_or_read_only_folder(command, monkeypatch):
    import tempfile

    def no_room(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", no_room)
    code, said, _ = command("doctor", "--quick")
    assert code == 3
    assert "cannot be written (Read-only file system)" in said
