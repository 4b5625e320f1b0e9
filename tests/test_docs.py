"""The documents' code runs as it stands, and the site builds without a warning.

Blocks of a page run in its order, in an empty folder: `sh` by bash, `python` by Python; a block
with a title is a file of that name. A block that something else runs names it in a comment.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FENCE = re.compile(
    r"(?:^<!-- run by: (?P<other>\S+) -->\n)?"
    r"^```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n"
    r"(?P<code>.*?)^```$",
    flags=re.DOTALL | re.MULTILINE,
)
RUNNABLE = ("sh", "bash", "python", "yaml")


@dataclass(frozen=True)
class Block:
    """A piece of code in a page."""

    language: str
    code: str
    title: str = ""
    other: str = ""


def blocks_of(page: Path) -> list[Block]:
    found = FENCE.finditer(page.read_text(encoding="utf-8"))
    every = [Block(m["language"], m["code"], m["title"] or "", m["other"] or "") for m in found]
    return [block for block in every if block.language in RUNNABLE]


PAGES = [page for page in sorted(DOCS.glob("*.md")) if blocks_of(page)]
RUN = [page for page in PAGES if any(not block.other for block in blocks_of(page))]


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_a_pages_code_runs_as_it_stands(page, tmp_path):
    for block in blocks_of(page):
        if block.other:
            continue
        if block.title:
            (tmp_path / block.title).write_text(block.code)
            continue
        command = ["bash", "-euc"] if block.language == "sh" else [sys.executable, "-c"]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        ended = subprocess.run(
            [*command, block.code], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert ended.returncode == 0, f"{block.code}\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_leaves_to_others_is_run_by_them(page):
    """The file that is named has the command: its program and its subcommand."""
    for block in blocks_of(page):
        if block.other:
            other = (ROOT / block.other).read_text(encoding="utf-8")
            lines = block.code.splitlines() if block.language == "sh" else []
            for line in lines:
                command = line.split()[1]
                assert command in other, f"{block.other} does not run: {line}"


def test_every_block_says_its_language():
    for page in DOCS.glob("*.md"):
        opened = re.findall(r"^```(.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert len(opened) % 2 == 0, page.name
        assert all(opened[::2]), f"{page.name}: a block without a language"


def test_the_reference_of_commands_is_that_of_the_code():
    made = subprocess.run(
        [sys.executable, "-m", "typer", "isnet_cxr.pipeline.cli", "utils", "docs",
         "--name", "isnet-cxr", "--title", "Commands"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    ).stdout  # fmt: skip
    stored = (DOCS / "reference-commands.md").read_text(encoding="utf-8")
    assert stored.strip() == made.strip(), "run `make reference`"


@pytest.mark.slow
def test_the_site_builds_without_warnings(tmp_path):
    if shutil.which("mkdocs", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("mkdocs is not installed: pip install '.[docs]'")
    ended = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},  # of the theme, on its own successor
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "WARNING" not in ended.stderr
    pages = {page.stem for page in (tmp_path / "site").glob("*.html")}
    assert {page.stem for page in DOCS.glob("*.md")} <= pages
