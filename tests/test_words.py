"""The field's words: no public name, key or page says what the project used to say."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("pipeline", "segmentation", "classification", "data", "studies", "docs", "docker")
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CITATION.cff",
    "Makefile",
    "isnet_cxr/__init__.py",
)
SUFFIXES = {".py", ".yaml", ".md", ".j2"}
# The old word, what to write, and what it looked like.
OLD = {
    r"films?(?![a-z])": ("image or radiograph", "30 films"),
    r"(?<![a-z_])pool(?!_?size|2d|ing|ed|\()(?![a-z])": ("development set", "the pool's images"),
    r"suspicions?|suspicious": ("review flag", "a suspicion"),
    r"relevance_in_lungs|share_in_lungs": ("... inside the lungs", "relevance_in_lungs"),
    r"(relevance|share)( \w+)? in (the )?lungs|\| in lungs|\| .*, in lungs": (
        "relevance inside the lungs",
        "its share in the lungs",
    ),
    r"\blying\b|(marks?|borders?|(?<!where )(?<!when )they) lie\b(?! (in|on|below|above))": (
        "deceiving",
        "lying marks",
    ),
    r"(?<![a-z_-])mix(ed|es|ing)(?![a-z])|mixed_share|mix_backgrounds": (
        "background exchange, exchanged",
        "every background mixed",
    ),
    r"\bplain(ly)? (classifier|network|training|trained|step|epoch|model|prediction|ones)": (
        "baseline",
        "two plain epochs",
    ),
    r"\bplain\b(?! (text|english|torch|pytorch|path|values))": (
        "baseline",
        "| plain, 20 epochs |",
    ),
    r"\bown (test )?split|\bown macro": ("internal test", "own split"),
    r"\b(its|their|your) own hospitals?|\bother hospitals?": (
        "internal test, external test",
        "tested on other hospitals",
    ),
}
PLAIN = next(pattern for pattern in OLD if "english" in pattern)  # for prose: code has plain values
# What looks like an old word and is none, by the file it stands in, and why.
FINE = (
    ("", r"bf16-mixed", "Lightning's name of a precision"),
    ("", r"Mixed-Rand", "a published method's name"),
    ("", r'"nifti"\|"mixed"', "the phantoms' file formats in turn"),
    ("data/phantoms/generate.py", r"mixed", "the same"),
    ("data/datasets/padchest.py", r"AP lying", "a view"),
    ("classification/balance.py", r"\bmixed\b(?= = \[|\))", "gradients, added by shares"),
    ("classification/reading.py", r'"mixed": "', "old keys, refused by their new names"),
    ("CHANGELOG.md", r"\((film|plain|mixed|pool|suspicion)\)", "the renaming itself"),
    ("classification/lrp", r"\bpool\b", "pooling layers"),
    ("classification/lrp/layerwise/rules.py", r"every rule has its own split", "of a sum"),
    ("classification/losses", r"\bpool\b", "pooling over pixels"),
    ("classification/networks.py", r"\bpool\b", "pooling layers"),
    ("classification/context_network.py", r"\bpool\b", "pooling layers"),
)


def unreleased(text):
    return text.split("## [Unreleased]")[1].split("\n## ")[0]


def texts():
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    for page in PAGES:
        yield page, (ROOT / page).read_text(encoding="utf-8")
    yield "CHANGELOG.md", unreleased((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))


def old_words(old, name, text):
    """Return the lines of a file that hold an old word, without what is fine there."""
    if old == PLAIN and name.endswith(".py"):
        return []
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        rest = line
        for place, fine, _ in FINE:
            if name.startswith(place):
                rest = re.sub(fine, "", rest)
        if re.search(old, rest, re.IGNORECASE) and "refused" not in line and "# old" not in line:
            found.append(f"{name}:{number}: {line.strip()}")
    return found


@pytest.mark.parametrize("old", OLD)
def test_the_old_words_are_gone(old):
    found = [line for name, text in texts() for line in old_words(old, name, text)]
    assert not found, f"write {OLD[old][0]!r}: " + "\n".join(found)


@pytest.mark.parametrize("old", OLD)
def test_every_old_word_would_be_found(old):
    assert old_words(old, "docs/results.md", OLD[old][1])
