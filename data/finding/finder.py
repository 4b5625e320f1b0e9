"""The finder: inputs to files, each with a verdict."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from isnet_cxr.data.finding.archives import search_archive
from isnet_cxr.data.finding.found import Findings, Found, Verdict, failed
from isnet_cxr.data.finding.judging import is_archive, judge
from isnet_cxr.data.finding.naming import named
from isnet_cxr.data.finding.walk import Place, walk
from isnet_cxr.data.readers.content import content_of


def find_files(inputs: Sequence[Path], *, results: Path | None = None) -> Findings:
    """Find every file of the inputs.

    Args:
        inputs: Image files, zip archives, and folders that are searched for both.
        results: A folder below an input that is left alone: what is found is written there.

    Raises:
        FileNotFoundError: If an input is missing.
    """
    files = named([one for place in walk(inputs, results=results) for one in _files(place)])
    return Findings(
        images=[one for one in files if one.verdict.outcome == "image"],
        failed=[one for one in files if one.verdict.outcome == "failed"],
        ignored=[one for one in files if one.verdict.outcome == "ignored"],
    )


def _files(place: Place) -> Iterator[Found]:
    """Return the file at a place, or the members of the archive there."""
    verdict = place.verdict
    if verdict is None:
        try:
            content = content_of(place.path)
        except OSError as error:
            verdict = failed(f"cannot be opened ({type(error).__name__})")
        else:
            if is_archive(content):
                yield from _members(place)
                return
            verdict = judge(place.path.name, content)
    yield _found(place, verdict)


def _members(place: Place) -> Iterator[Found]:
    members = search_archive(place.path)
    if isinstance(members, Verdict):
        yield _found(place, members)
        return
    for member in members:
        one = Found(place.path, member.verdict, place.depth)
        yield replace(one, member=member.name, index=member.index)


def _found(place: Place, verdict: Verdict) -> Found:
    if place.alone and verdict.outcome == "ignored":
        verdict = failed(verdict.reason)
    return Found(place.path, verdict, place.depth)
