"""The image's description: what a reader of the Dockerfile relies on, and hadolint."""

import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "docker" / "Dockerfile"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def program(name: str) -> str:
    """Return a program of the environment or of the machine; skip where there is none."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def steps() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions, each with its text in one line."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [tuple(line.split(None, 1)) for line in lines if line.strip()]


def stages() -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for word, rest in steps():
        if word == "FROM":
            own = found.setdefault(rest.split(" AS ")[1], [])
        own.append((word, rest))
    return found


def test_hadolint_finds_nothing():
    linted = subprocess.run(
        [program("hadolint"), "--no-color", "--config", ROOT / ".hadolint.yaml", DOCKERFILE],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert linted.returncode == 0, linted.stdout


def test_it_runs_as_a_numbered_user():
    assert ("USER", "10001:10001") in stages()["runtime"]
    assert list(stages())[-1] == "runtime"  # what is built


@pytest.mark.parametrize(
    ("target", "index"),
    [("cpu", "https://download.pytorch.org/whl/cpu"), ("cuda", "https://pypi.org/simple")],
)
def test_images_for_cpus_and_gpus_differ_in_one_argument(target, index):
    given = [rest for word, rest in steps() if word == "ARG" and "TORCH" in rest]
    assert given == ["TORCH_INDEX=https://download.pytorch.org/whl/cpu"]
    said = subprocess.run(
        [program("make"), "--dry-run", "image", f"TARGET={target}"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert f"--build-arg TORCH_INDEX={index} " in said
    commands = " ".join(rest for word, rest in steps() if word in {"RUN", "COPY", "FROM"})
    assert commands.count("${TORCH_INDEX}") == 1
    assert "cuda" not in commands


def test_the_runtime_is_checked_by_the_doctor_and_built_from_no_stage_with_tools():
    runtime = dict(stages()["runtime"])
    assert runtime["FROM"] == "docker.io/library/python:3.11-slim-bookworm AS runtime"
    assert runtime["HEALTHCHECK"].endswith('CMD ["isnet-cxr", "doctor", "--quick"]')
    assert runtime["ENTRYPOINT"] == '["isnet-cxr"]'


def test_labels_say_version_licence_revision_and_source():
    text = DOCKERFILE.read_text(encoding="utf-8")
    assert ("ARG", f"VERSION={PROJECT['version']}") in stages()["runtime"]
    assert f'image.licenses="{PROJECT["license"]}"' in text
    for label in ("version", "revision", "source"):
        assert f'org.opencontainers.image.{label}="${{{label.upper()}}}"' in text


def test_everything_installed_is_pinned():
    assert any("PIP_CONSTRAINT=/build/constraints.txt" in rest for _, rest in stages()["build"])
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower()
    for word, rest in steps():
        if word == "RUN" and "pip" in rest:
            assert "PIP_CONSTRAINT=" not in rest
    assert "cyclonedx-bom==" in pinned


def test_what_is_copied_is_let_through():
    let = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    for word, rest in steps():
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists()
                assert f"\n!{source}\n" in let


def test_extras_are_installed_where_the_project_has_them(capsys):
    requirements = runpy.run_path(str(ROOT / "docker" / "requirements.py"))["requirements"]
    project = '[project]\ndependencies = ["a>=1"]\noptional-dependencies.b = ["c>=2", "d"]\n'
    assert requirements(project, ["b", "e"]) == ["a>=1", "c>=2", "d"]
    assert capsys.readouterr().err == "no extra 'e': left out\n"
    asked = next(rest for word, rest in steps() if word == "ARG" and rest.startswith("EXTRAS="))
    assert "postgres" in asked
    assert "postgres" in PROJECT["optional-dependencies"]
