"""Paths of other systems are understood where they can be, and explained where they cannot."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isnet_cxr.data.datasets.listed_paths import find_listed
from isnet_cxr.data.errors import InputError

NAMES = st.text(st.sampled_from("abc é-_"), min_size=1, max_size=6).map(str.strip).filter(bool)


def find(text, folder):
    return find_listed(text, table=folder / "t.csv", place="column path, row 3")


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(NAMES, min_size=1, max_size=3))
def test_windows_separators_mean_the_same_file(tmp_path, parts):
    parts[-1] += ".png"
    path = tmp_path.joinpath("images", *parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert find("\\".join(["images", *parts]), tmp_path) == path
    assert find("/".join(["images", *parts]), tmp_path) == path
    assert find(str(path), tmp_path) == path


def test_a_file_whose_name_has_a_backslash_is_that_file(tmp_path):
    (tmp_path / "a\\b.png").touch()
    assert find("a\\b.png", tmp_path) == tmp_path / "a\\b.png"


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("C:\\Users\\Jane Doe\\a.png", "C:\\..."),
        ("d:/xrays/Jane.png", "d:\\..."),
        ("\\\\server\\share\\Jane.png", "\\\\..."),
        ("/home/Jane/a.png", "/home/..."),
        ("/Jane.png", "/..."),
        ("~/Jane.png", "~/..."),
    ],
)
def test_absolute_paths_of_another_machine_are_explained(tmp_path, text, beginning):
    with pytest.raises(InputError) as error:
        find(text, tmp_path)
    assert str(error.value) == (
        f"{tmp_path / 't.csv'}: column path, row 3: expected paths relative to the table's folder; "
        f"{beginning} is another machine's, or the file is gone"
    )


@pytest.mark.parametrize("text", ["", "a" * 5000, "missing.png", "a\\" * 3000 + "b.png"])
def test_other_missing_files_are_for_the_caller_to_count(tmp_path, text):
    if text:
        assert find(text, tmp_path).name
    else:
        with pytest.raises(InputError, match="row 3: expected a path, got none"):
            find(text, tmp_path)
