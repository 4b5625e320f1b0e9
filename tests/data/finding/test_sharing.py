"""Shares of what was found: every file in exactly one, whoever asks and wherever it lies."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isnet_cxr.data.errors import InputError
from isnet_cxr.data.finding import Findings, Found, Shard
from isnet_cxr.data.finding.found import Verdict, failed, ignored


def found(name: str, *, below: str = "/inbox", member: str = "", index: int = -1) -> Found:
    depth = len(Path(name).parts)
    return Found(Path(below) / name, Verdict("image"), depth, member=member, index=index)


@given(names=st.sets(st.text(st.characters(codec="utf-8", exclude_characters="/\0."), min_size=1)),
       of=st.integers(1, 9))  # fmt: skip
def test_every_file_is_in_exactly_one_share(names, of):
    for name in names:
        assert sum(Shard(number, of).takes(found(name)) for number in range(1, of + 1)) == 1


def test_shares_are_about_equal():
    files = [found(f"{number}.dcm") for number in range(4000)]
    shares = [sum(map(Shard(number, 4).takes, files)) for number in range(1, 5)]
    assert sum(shares) == 4000
    assert min(shares) > 900


def test_a_file_keeps_its_share_when_the_input_lies_elsewhere():
    for number in range(20):
        here, there = found(f"a/{number}.dcm"), found(f"a/{number}.dcm", below="/mnt/node-7/x")
        assert Shard(1, 2).takes(here) == Shard(1, 2).takes(there)


def test_members_of_an_archive_are_shared_out():
    members = [found("all.zip", member=f"{n}.dcm", index=n) for n in range(100)]
    assert 20 < sum(map(Shard(1, 2).takes, members)) < 80


def test_what_failed_or_is_ignored_is_shared_too():
    files = [found(f"{number}.dcm") for number in range(60)]
    whole = Findings(
        files[:20],
        [Found(one.path, failed("x"), 1) for one in files[20:40]],
        [Found(one.path, ignored("x"), 1) for one in files[40:]],
    )
    shares = [Shard(number, 3).share(whole) for number in (1, 2, 3)]
    assert sum(share.count for share in shares) == whole.count
    assert sum(len(share.failed) for share in shares) == 20
    assert Shard().share(whole) == whole


@pytest.mark.parametrize(
    "text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3", "1/3/3", "1/1000000", ""]
)
def test_what_is_no_share_is_refused(text):
    with pytest.raises(InputError, match="expected a number and how many"):
        Shard.parse(text)


def test_a_share_reads_as_it_is_written():
    assert Shard.parse(" 2/8 ") == Shard(2, 8)
    assert str(Shard(2, 8)) == "2/8"
