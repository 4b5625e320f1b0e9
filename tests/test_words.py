"""The field's words: no public name, key or page says what the project used to say."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("pipeline", "segmentation", "classification", "data", "studies", "docs", "docker")
SUFFIXES = {".py", ".yaml", ".md", ".j2"}
OLD = {
    r"films?(?![a-z])": "image",
    r"(?<![a-z_])pool(?!_?size|2d|ing|ed|\()(?![a-z])": "development set",
    r"suspicions?|suspicious": "review flag",
    r"relevance_in_lungs|share_in_lungs": "... inside the lungs",
    r"(?<![a-z])lying marks?": "deceiving",
    r"mixed_share|mix_backgrounds": "background exchange",
}
EXEMPT = {
    "classification/lrp",  # pooling layers
    "classification/losses",
    "classification/networks.py",
    "classification/context_network.py",
}


def texts():
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    yield "README.md", (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("old", OLD)
def test_the_old_words_are_gone(old):
    pattern = re.compile(old, re.IGNORECASE)
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts()
        if "pool" not in old or not any(name.startswith(exempt) for exempt in EXEMPT)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line) and "refused" not in line and "# old" not in line
    ]
    assert not found, f"write {OLD[old]!r}: " + "\n".join(found)
