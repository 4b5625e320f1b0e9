"""What is installed is pinned, audited and listed."""

import json
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
AUDIT = runpy.run_path(str(ROOT / ".ci" / "audit.py"), run_name="audit")


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", name)[0]).lower()


def test_every_dependency_is_pinned():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line) for line in lines)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    asked = {plain(one) for group in (project["dependencies"], *extras) for one in group}
    assert asked - {plain(line) for line in lines} == set()


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], 0, "1 of 1 packages audited"),
        ([], 4, "0 of 0 packages audited"),
        ([{"name": "a", "skip_reason": "not found"}], 4, "no answer for: a"),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]},
             {"name": "b", "skip_reason": "not found"}],
            1, "a 1: X-1, mended in 2",
        ),
    ],
)  # fmt: skip
def test_an_audit_without_an_answer_is_not_a_good_one(answer, status, said):
    lines, found = AUDIT["judge"]({"dependencies": answer})
    assert found == status
    assert said in "\n".join(lines)


@pytest.mark.slow
def test_the_list_of_software_names_what_is_installed(tmp_path):
    beside = Path(sys.executable).with_name("cyclonedx-py")
    program = str(beside) if beside.is_file() else shutil.which("cyclonedx-py")
    if program is None:
        pytest.skip("cyclonedx-py is not installed")
    to = tmp_path / "sbom.cdx.json"
    command = [program, "environment", "--pyproject", ROOT / "pyproject.toml",
               "--output-format", "JSON", "--output-file", to, sys.executable]  # fmt: skip
    subprocess.run([*map(str, command)], check=True, capture_output=True)
    listed = json.loads(to.read_text(encoding="utf-8"))
    assert listed["bomFormat"] == "CycloneDX"
    assert listed["metadata"]["component"]["name"] == "isnet-cxr"
    names = {plain(part["name"]): part for part in listed["components"]}
    assert {"torch", "pydicom", "numpy"} <= set(names)
    assert names["pydicom"]["purl"].startswith("pkg:pypi/pydicom@")
