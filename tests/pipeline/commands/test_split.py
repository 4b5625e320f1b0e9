"""Images divided by patient and by site, through the command line."""

from pathlib import Path

import pandas as pd

from isnet_cxr.data.manifests.manifest import read_manifest, write_manifest


def test_every_site_is_left_out_of_a_manifest_of_its_own(command, tmp_path, write_images):
    images = [read_manifest(write_images(name, count=40)) for name in ("here", "there", "yonder")]
    images[2]["patient_id"] = images[2]["patient_id"].where(
        images[2].index > 0, images[0].patient_id[0]
    )
    table = pd.concat(images, ignore_index=True).assign(split="")
    table["site"] = table["dataset"].map({"here": "St. A/B", "there": "st. a b", "yonder": ""})
    write_manifest(table, tmp_path / "m.csv")
    options = ("--out", tmp_path / "out", "--no-copies")
    code, out, _ = command("split", tmp_path / "m.csv", "--leave-one-site-out", *options)
    assert code == 0
    assert out.count("1 left out, shared with it") == 2  # of a patient of here and yonder
    written = {p.stem: read_manifest(p) for p in (tmp_path / "out").glob("*.parquet")}
    assert set(written) == {"St.-A-B", "st.-a-b-2", "yonder"}
    for fold, site in zip(sorted(written), ("St. A/B", "st. a b", ""), strict=True):
        rows = written[fold]
        assert set(rows["split"]) == {"train", "val", "test"}
        assert set(rows.loc[rows["split"] == "test", "site"]) == {site}
        assert site not in set(rows.loc[rows["split"] != "test", "site"])
        assert rows.groupby("patient_id")["split"].nunique().max() == 1


def test_images_are_split_with_their_copies(command, tmp_path, write_images):
    images = [read_manifest(write_images(name, count=30)) for name in ("here", "there")]
    table = pd.concat(images, ignore_index=True).assign(split="")
    for row in range(30):  # each image once more, at the other hospital, under another patient
        Path(table["path"][30 + row]).write_bytes(Path(table["path"][row]).read_bytes())
    write_manifest(table, tmp_path / "m.csv")  # its ids are those of before
    code, _, _ = command("split", tmp_path / "m.csv", "--out", tmp_path / "out")
    assert code == 0
    split = read_manifest(tmp_path / "out" / "images.parquet")["split"]
    assert set(split) == {"train", "val", "test"}
    assert split[:30].tolist() == split[30:].tolist()
