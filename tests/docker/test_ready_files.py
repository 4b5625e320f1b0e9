"""Files for schedulers: valid by each one's own linter, and true to what the command offers."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
CRON = DOCKER / "cron" / "isnet-cxr"
SERVICE, TIMER = DOCKER / "systemd" / "isnet-cxr.service", DOCKER / "systemd" / "isnet-cxr.timer"
SBATCH = DOCKER / "slurm" / "predict.sbatch"
JOB = DOCKER / "kubernetes" / "job.yaml"
APPTAINER = DOCKER / "apptainer" / "isnet-cxr.def"


def passes(*command: object) -> None:
    said = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


def program(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def test_every_script_is_sound_bash():
    for script in (SBATCH, ROOT / ".ci" / "run"):
        passes("bash", "-n", script)
        passes(program("shellcheck"), script)
    passes(program("shellcheck"), ROOT / ".ci" / "check-container")


def test_systemd_accepts_the_units(tmp_path):
    for unit in (SERVICE, TIMER):
        shutil.copy(unit, tmp_path)
    passes(program("systemd-analyze"), "verify", tmp_path / SERVICE.name, tmp_path / TIMER.name)
    (when,) = re.findall(r"^OnCalendar=(.*)$", TIMER.read_text(), re.MULTILINE)
    passes(program("systemd-analyze"), "calendar", when)


def test_cron_accepts_the_table(tmp_path):
    lines = [line for line in CRON.read_text().splitlines() if re.match(r"[0-9*]", line)]
    assert len(lines) == 1
    assert lines[0].split()[5] == "root"  # the user's column of /etc/cron.d
    assert "%" not in lines[0]  # cron would end the command there
    (tmp_path / "table").write_text(CRON.read_text().replace(" root docker", " docker"))
    passes(program("crontab"), "-n", tmp_path / "table")


def test_both_schedulers_run_the_compose_files_batch():
    """One command in two files, and systemd takes what ``predict`` says for what it is."""
    commands = [
        re.search(r"docker compose .* predict", path.read_text()) for path in (CRON, SERVICE)
    ]
    first, second = (found.group() for found in commands if found)
    assert first == second
    assert "--profile batch run --rm -T predict" in first
    service = SERVICE.read_text()
    assert "\nSuccessExitStatus=3\n" in service
    assert "\nRestartPreventExitStatus=2\n" in service


def documents() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(JOB.read_text(encoding="utf-8")))


def test_kubernetes_accepts_the_job():
    passes(program("kubernetes-validate"), "--strict", JOB)


def test_the_pods_are_closed():
    policy, job = documents()
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert set(container["resources"]["limits"]) == {"cpu", "memory"}
    written = {one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")}
    assert written == {"/results", "/tmp", "/dev/shm"}
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    assert not {"ingress", "egress"} & set(policy["spec"])  # nothing is let through


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (3, 0), (2, 2), (1, 1)])
def test_the_pods_command_takes_its_share_and_says_how_it_ended(tmp_path, code, expected):
    job = documents()[1]
    shell, option, script = job["spec"]["template"]["spec"]["containers"][0]["command"]
    said = _run_with_stub(tmp_path, [shell, option, script], {"JOB_COMPLETION_INDEX": "1"}, code)
    assert said.returncode == expected
    of = job["spec"]["completions"]
    wanted = f"predict /images --model /model --out /results/shard-2 --shard 2/{of}"
    assert said.stdout.strip() == wanted


def test_the_array_gives_every_task_its_share_and_folder(tmp_path):
    given = {
        "IMAGES": "/data/in box", "MODEL": "/models/m", "OUT": str(tmp_path / "out"),
        "SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8",
    }  # fmt: skip
    said = _run_with_stub(tmp_path, ["bash", str(SBATCH)], given, 3)
    assert said.returncode == 3, said.stderr
    out = tmp_path / "out" / "shard-3"
    assert out.is_dir()
    assert said.stdout.strip() == f"predict /data/in box --model /models/m --out {out} --shard 3/8"
    assert re.search(r"^#SBATCH --array=1-", SBATCH.read_text(), re.MULTILINE)
    lacking = _run_with_stub(tmp_path, ["bash", str(SBATCH)], {"IMAGES": "/data"}, 0)
    assert lacking.returncode != 0
    assert "model package" in lacking.stderr


def _run_with_stub(
    folder: Path, command: list[str], given: dict[str, str], code: int
) -> subprocess.CompletedProcess[str]:
    """Run a script with an ``isnet-cxr`` that says its arguments and ends with ``code``."""
    stub = folder / "isnet-cxr"
    stub.write_text(f'#!/bin/sh\necho "$@"\nexit {code}\n')
    stub.chmod(stub.stat().st_mode | stat.S_IXUSR)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", **given}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_apptainer_runs_the_same_image_and_tests_it():
    text = APPTAINER.read_text(encoding="utf-8")
    header, *sections = re.split(r"^%(\w+)\n", text, flags=re.MULTILINE)
    assert "Bootstrap: docker-archive\nFrom: isnet-cxr.tar\n" in header
    parts = dict(zip(sections[::2], sections[1::2], strict=True))
    assert set(parts) == {"environment", "runscript", "test", "labels"}
    assert 'exec /opt/venv/bin/isnet-cxr "$@"' in parts["runscript"]
    assert "doctor --quick" in parts["test"]


def test_versions_are_this_one():
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    for path in (JOB, APPTAINER):
        assert version.group(1) in path.read_text()
