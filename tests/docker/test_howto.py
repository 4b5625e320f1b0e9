"""The page for a hospital's IT, followed word by word; Docker itself is stood in for."""

import csv
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from isnet_cxr.data.phantoms import EXTERNAL
from isnet_cxr.data.phantoms.generate import make_phantom
from isnet_cxr.data.writers import write_dicom

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "howto-hospital-batch.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "tests" / "pipeline" / "prediction" / "packages" / "schema-2"
ROOTS = ("/srv/", "/etc/", "/opt/isnet-cxr")
"""Folders of the page that are a temporary folder's here."""

pytestmark = pytest.mark.slow


def blocks(section: str) -> list[str]:
    """Return the console blocks under a heading of the page."""
    text = PAGE.split(f"## {section}\n")[1].split("\n## ")[0]
    return re.findall(r"^```console\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture
def machine(tmp_path):
    """A machine with an inbox of two images, and programs that only note that they were called."""
    if shutil.which("docker-compose") is None:
        pytest.skip("docker-compose is not installed")
    if not (ROOT / ".git").exists():
        pytest.skip("no clone of the repository")
    programs = tmp_path / "programs"
    programs.mkdir()
    stand_in = ROOT / "tests" / "docker" / "stand_in.py"
    (programs / "docker").write_text(f'#!/bin/sh\nexec {sys.executable} {stand_in} "$@"\n')
    (programs / "git").write_text(  # what is cloned is what lies here, committed or not
        f'#!/bin/sh\n{shutil.which("git")} "$@" || exit\n'
        '[ "$1" = clone ] || exit 0\nfor last; do :; done\ncp -r docker "$last/"\n'
    )
    for name in ("chown", "systemctl"):
        (programs / name).write_text("#!/bin/sh\nexit 0\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    for place in ("etc/systemd/system", "etc/cron.d", "opt"):
        (tmp_path / place).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def follow(machine):
    """Type a block of the page; return exit code and output."""

    def run(block: str) -> tuple[int, str]:
        for place in ROOTS:
            block = block.replace(place, f"{machine}{place}")
        ended = subprocess.run(
            ["bash", "-euc", block], cwd=ROOT, capture_output=True, text=True, check=False,
            env={
                **os.environ, "CALLS": str(machine / "calls"), "OMP_NUM_THREADS": "1",
                "PATH": f"{machine / 'programs'}{os.pathsep}{os.environ['PATH']}",
            },
        )  # fmt: skip
        return ended.returncode, ended.stdout + ended.stderr

    return run


def test_a_night_as_the_page_describes_it(machine, follow):
    _, install, night = blocks("Once")
    assert follow(install)[0] == 0
    shutil.copytree(PACKAGE, machine / "srv/isnet-cxr/model", dirs_exist_ok=True)
    settings = machine / "etc/isnet-cxr/env"
    settings.write_text(settings.read_text().replace("=/srv/", f"={machine}/srv/"))
    for number in range(2):
        chest = make_phantom(EXTERNAL[0], "normal", number, seed=1)
        place = machine / f"srv/isnet-cxr/inbox/{number}.dcm"
        write_dicom(chest.pixels, place, (0.4, 0.4), view="PA", patient_id="Jane")

    code, said = follow(night)
    assert code in {0, 3}, said
    assert "2 files found: " in said
    for block in blocks("Every night"):
        if "systemd-analyze" not in block or shutil.which("systemd-analyze"):
            code, told = follow(block)
            assert code == 0, told
    assert (machine / "etc/cron.d/isnet-cxr").is_file()

    (morning,) = blocks("In the morning")
    code, said = follow(morning)
    assert code == 0, said
    assert json.loads(said[: said.index("\n}\n") + 3])["found"] == 2
    results = machine / "srv/isnet-cxr/results"
    table = PAGE.split("## In the morning")[1]
    for name in re.findall(r"^\| `([\w.]+\.(?:csv|json))`", table, flags=re.MULTILINE):
        assert (results / name).is_file(), name
    with (results / "files.csv").open() as stream:
        files = [row["file"] for row in csv.DictReader(stream)]
    assert files == sorted(files)


def test_the_image_is_made_carried_and_looked_at_by_commands_that_exist(machine, follow):
    make, _, _ = blocks("Once")
    code, said = follow(make)
    assert code == 0, said
    looks = blocks("Is the image what it says?")
    for block in looks:
        code, said = follow(block)
        assert code == 0, said
    calls = [json.loads(line) for line in (machine / "calls").read_text().splitlines()]
    assert [call[0] for call in calls] == ["build", "image", "save", "run", "run"]
    built = calls[0][calls[0].index("-t") + 1]
    assert built.partition(":")[0] in calls[1]
    assert built in calls[2]
    listed = shlex.split(looks[1])[-1]
    assert listed in (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")


def test_objects_of_a_night_are_sent_by_a_container_of_their_own(machine, follow):
    pytest.importorskip("highdicom", reason="the extra dicom is not installed")
    page = (ROOT / "docs" / "howto-pacs.md").read_text(encoding="utf-8")
    (send,) = re.findall(r"^(docker compose .*)$", page, flags=re.MULTILINE)
    _, install, night = blocks("Once")
    assert follow(install)[0] == 0
    shutil.copytree(PACKAGE, machine / "srv/isnet-cxr/model", dirs_exist_ok=True)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        to = f"PACS@127.0.0.1:{nobody.getsockname()[1]}"
        settings = machine / "etc/isnet-cxr/env"
        text = settings.read_text().replace("=/srv/", f"={machine}/srv/")
        text = text.replace("\nDICOM=\n", "\nDICOM=sr\n").replace("\nPACS=\n", f"\nPACS={to}\n")
        settings.write_text(text)
        chest = make_phantom(EXTERNAL[0], "normal", 0, seed=1)
        place = machine / "srv/isnet-cxr/inbox/0.dcm"
        write_dicom(chest.pixels, place, (0.4, 0.4), view="PA", patient_id="Jane")
        code, said = follow(night)
        assert code in {0, 3}, said
        assert "1 objects of 1 images (1 sr)" in said
        code, said = follow(send)
    assert code == 2
    assert f"{to}: nobody answers" in said or f"{to}: no answer" in said
    lost = machine / "srv/isnet-cxr/results/dicom/not-sent.csv"
    assert len(lost.read_text().splitlines()) == 2
