"""What results call files: by their place below the input, and longer where that is not enough."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from isnet_cxr.data.finding.found import Found


def named(files: Sequence[Found]) -> list[Found]:
    """Name every file by its last parts, as many as make it the only one of its name.

    Two members of one archive that have the same name keep it both.
    """
    depths = [one.depth for one in files]
    while True:
        names = [_name(one, depth) for one, depth in zip(files, depths, strict=True)]
        places = {(name, one.path) for name, one in zip(names, files, strict=True)}
        uses = Counter(name for name, _ in places)
        short = [
            place
            for place, (one, name) in enumerate(zip(files, names, strict=True))
            if uses[name] > 1 and depths[place] < len(one.path.parts)
        ]
        if not short:
            return [replace(one, name=name) for one, name in zip(files, names, strict=True)]
        for place in short:
            depths[place] += 1


def _name(one: Found, depth: int) -> str:
    name = Path(*one.path.parts[-depth:]).as_posix()
    return f"{name}/{one.member}" if one.member else name
