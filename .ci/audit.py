"""Ask PyPI's database for known weaknesses of pinned packages; say plainly what it did not answer.

Usage: audit.py CONSTRAINTS. Exit status: 0 none known; 1 some known; 4 not every package could be
asked for, which is no answer.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

NONE_KNOWN, SOME_KNOWN, NO_ANSWER = 0, 1, 4


def judge(answer: dict[str, Any]) -> tuple[list[str], int]:
    """Return lines to print and the exit status for what pip-audit answered."""
    asked = answer["dependencies"]
    unanswered = [one["name"] for one in asked if "skip_reason" in one]
    known = [
        f"{one['name']} {one['version']}: {weakness['id']}, mended in "
        f"{', '.join(weakness['fix_versions']) or 'no version yet'}"
        for one in asked
        for weakness in one.get("vulns", [])
    ]
    lines = [*known, f"{len(asked) - len(unanswered)} of {len(asked)} packages audited"]
    if known:
        return lines, SOME_KNOWN
    if unanswered or not asked:
        return [*lines, "no answer for: " + ", ".join(unanswered)], NO_ANSWER
    return lines, NONE_KNOWN


def audit(constraints: Path) -> dict[str, Any]:
    """Return pip-audit's answer for every pinned package."""
    with tempfile.TemporaryDirectory() as folder:
        to = Path(folder) / "answer.json"
        command = [
            sys.executable, "-m", "pip_audit", "--requirement", str(constraints), "--no-deps",
            "--disable-pip", "--progress-spinner", "off", "--format", "json", "--output", str(to),
        ]  # fmt: skip
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        if not to.is_file():
            print(said.stderr.strip()[-500:], file=sys.stderr)
            sys.exit(NO_ANSWER)
        answer: dict[str, Any] = json.loads(to.read_text(encoding="utf-8"))
        return answer


if __name__ == "__main__":
    said, status = judge(audit(Path(sys.argv[1])))
    print(*said, sep="\n")
    sys.exit(status)
