"""Names are the shortest that tell files apart, and never more than one file's."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from isnet_cxr.data.finding.found import Found, Verdict
from isnet_cxr.data.finding.naming import named
from isnet_cxr.data.writers.names import written_name

PARTS = st.lists(st.sampled_from(["a", "b", "c\udcff", "d.png"]), min_size=1, max_size=4)
IMAGE = Verdict("image")


@given(st.lists(PARTS.map(lambda parts: Path("/", *parts)), unique=True, max_size=20), st.data())
def test_names_are_unique_ends_of_their_paths(paths, data):
    files = [Found(path, IMAGE, data.draw(st.integers(1, len(path.parts) - 1))) for path in paths]
    names = [one.name for one in named(files)]
    assert len(set(names)) == len(names)
    for one, name in zip(files, names, strict=True):
        assert str(one.path).endswith(name)
        assert len(Path(name).parts) >= one.depth


@given(st.binary(min_size=1))
def test_any_name_can_be_written_and_utf_8_stays_as_it_is(raw):
    name = raw.decode("utf-8", "surrogateescape")
    written = written_name(name)
    written.encode()
    try:
        assert written == raw.decode()
    except UnicodeDecodeError:
        assert "\\x" in written
