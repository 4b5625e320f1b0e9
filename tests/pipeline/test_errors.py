"""Wrong input is a type: what the user can mend is one line, all else is a bug."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from isnet_cxr.data.errors import InputError
from isnet_cxr.pipeline.errors import is_users, one_line

ROOT = Path(__file__).resolve().parents[2]


def raised_by(function):
    with pytest.raises(Exception) as raised:  # noqa: PT011  any: what it is counts below
        function()
    return raised.value


@pytest.mark.parametrize(
    "bug",
    [
        lambda: list(zip([1], [1, 2], strict=True)),
        lambda: int("eleven"),
        lambda: max([]),
        lambda: {}["missing"],
    ],
)
def test_what_fails_in_our_own_code_is_a_bug(bug):
    assert not is_users(raised_by(bug))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "no room left on the disk"),
        (errno.EROFS, "a read-only file system"),
        (errno.EACCES, "no permission"),
        (errno.EISDIR, "a folder, expected a file"),
        (errno.ENOTDIR, "a part of this path is a file, expected a folder"),
        (errno.EAGAIN, "in use by another process"),
        (errno.ETXTBSY, "in use by another process"),
    ],
)
def test_files_that_cannot_be_used_are_the_users_and_named(number, said):
    error = OSError(number, os.strerror(number), "/out/predictions.csv")
    assert is_users(error)
    assert one_line(error) == f"/out/predictions.csv: {said}"


def test_other_errors_of_the_system_are_bugs():
    assert not is_users(OSError(errno.EBADF, "bad file descriptor"))


def test_input_errors_are_told_in_one_line():
    assert one_line(InputError("epochs: expected\n at least 1")) == "epochs: expected at least 1"


def test_an_output_folder_that_is_a_file_is_one_line(tmp_path):
    (tmp_path / "study.yaml").write_text("name: x\n")
    (tmp_path / "file").write_text("")
    ended = run("demo", "--out", tmp_path / "file" / "below")
    assert ended.returncode == 2
    assert ended.stderr.strip() == (
        f"isnet-cxr: {tmp_path / 'file' / 'below'}: a part of this path is a file, "
        "expected a folder"
    )


def test_the_version_is_told():
    assert re.fullmatch(r"isnet-cxr \d+\.\d+\.\d+\S*\n", run("--version").stdout)


@pytest.mark.parametrize("room", ["pipeline", "data/datasets", "data/manifests", "data/readers"])
def test_what_reads_the_users_input_raises_input_errors(room):
    found = [
        f"{file}:{number}"
        for file in sorted((ROOT / room).rglob("*.py"))
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if "raise ValueError" in line
    ]
    assert not found


MAIN = "from isnet_cxr.pipeline.cli import main; main()"


def run(*arguments):
    command = [sys.executable, "-c", MAIN, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
