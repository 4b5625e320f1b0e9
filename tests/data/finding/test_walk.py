"""Every file below the inputs is a place, once; nothing waits and nothing loops."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isnet_cxr.data.finding.walk import walk

NAMES = st.sampled_from(["a.png", "b", "c.dcm", "d d", "M\udcfcller", "x\ny", ".h", "Thumbs.db"])
TREES = st.recursive(
    st.just(None), lambda below: st.dictionaries(NAMES, below, max_size=4), max_leaves=20
)


def build(tree, folder: Path) -> int:
    """Make files and folders; return how many places there are: a hidden folder is one."""
    folder.mkdir()
    count = 0
    for name, below in (tree or {}).items():
        hidden = name in (".h", "Thumbs.db")
        if below is None:
            (folder / name).write_bytes(b"x")
            count += 1
        else:
            inside = build(below, folder / name)
            count += 1 if hidden else inside
    return count


@settings(max_examples=60)
@given(tree=TREES, repeats=st.integers(1, 3))
def test_every_file_is_one_place_however_often_its_folder_is_named(tmp_path_factory, tree, repeats):
    root = tmp_path_factory.mktemp("t") / "root"
    count = build(tree, root)
    (root.parent / "link").symlink_to(root)
    places = walk([root] * repeats + [root.parent / "link"])
    assert len(places) == count
    assert len({place.path for place in places}) == count
    assert all(Path(*place.path.parts[: -place.depth]) == root for place in places)


@settings(max_examples=40)
@given(
    links=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12, unique=True),
)
def test_links_between_folders_in_any_way_end_and_are_all_listed(tmp_path_factory, links):
    root = tmp_path_factory.mktemp("t") / "root"
    folders = [root / f"f{n}" for n in range(5)]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "a.png").write_bytes(b"x")
    for at, to in links:
        (folders[at] / f"to{to}").symlink_to(folders[to])
    places = walk([root])
    assert [p.path.parent.name for p in places if p.verdict is None] == [f.name for f in folders]
    assert sum(p.verdict is not None for p in places) == len(links)


def test_a_folder_that_is_only_linked_is_searched_once(tmp_path):
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "a.png").write_bytes(b"x")
    root = tmp_path / "root"
    root.mkdir()
    for name in ("one", "two"):
        (root / name).symlink_to(tmp_path / "away")
    found = [("/".join(p.path.parts[-p.depth :]), p.verdict) for p in walk([root])]
    assert found[0] == ("one/a.png", None)
    assert [name for name, _ in found] == ["one/a.png", "two"]


def test_pipes_and_sockets_are_named_and_not_opened(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "b.png"))
        reasons = [place.verdict.reason for place in walk([tmp_path])]
    assert reasons == ["no ordinary file (named pipe)", "no ordinary file (socket)"]


def test_what_the_system_refuses_costs_nothing_else(tmp_path, monkeypatch):
    for name in ("bad", "good"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(b"x")
    listdir = os.listdir

    def refuse(path):
        if Path(path).name == "bad":
            raise PermissionError(13, "Permission denied", str(path))
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refuse)
    places = {place.path.name: place.verdict for place in walk([tmp_path])}
    assert places["a.png"] is None
    assert places["bad"].outcome == "failed"
    assert places["bad"].reason == "folder that cannot be read (no permission)"


def test_links_that_lead_nowhere_fail(tmp_path):
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert [(p.verdict.outcome, p.verdict.reason) for p in walk([tmp_path])] == [
        ("failed", "link to a file that is not there"),
        ("failed", "link that leads to itself"),
    ]


def test_a_missing_input_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing: no such file or folder"):
        walk([tmp_path / "nothing"])


def test_a_deep_tree_is_searched_to_its_end(tmp_path):
    place = tmp_path
    for _ in range(1200):  # more than Python recurses
        place = place / "d"
        place.mkdir()
    (place / "a.png").write_bytes(b"x")
    found = [one.path for one in walk([tmp_path])]
    while place != tmp_path:  # pytest's own clean-up recurses
        for one in place.iterdir():
            one.unlink() if one.is_file() else one.rmdir()
        place = place.parent
    assert found == [tmp_path.joinpath(*["d"] * 1200, "a.png")]
