"""The library under one name: from the repository, and as a wheel beside a package called data."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

import isnet_cxr

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("pipeline", "segmentation", "classification", "data")


def test_every_public_name_is_there():
    for name in isnet_cxr.__all__:
        assert getattr(isnet_cxr, name) is not None
    assert isnet_cxr.__version__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        isnet_cxr.nothing  # noqa: B018  the look-up is the test


def test_paths_may_be_text(tmp_path):
    from isnet_cxr.data.writers import write_png

    write_png(np.arange(64, dtype=np.uint8).reshape(8, 8), tmp_path / "image.png")
    image = isnet_cxr.read_image(str(tmp_path / "image.png"))
    assert image.pixels.shape == (1, 8, 8)
    for kind in (isnet_cxr.Classifier, isnet_cxr.LungSegmenter, isnet_cxr.Predictor):
        with pytest.raises(FileNotFoundError, match="is no model package"):
            kind.load(str(tmp_path))


def test_importing_the_package_imports_nothing_else():
    code = "import sys, isnet_cxr; print({'torch', 'numpy', 'pydicom'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"


def test_no_module_of_ours_is_imported_by_its_folders_name():
    """Two names for one file would be two modules, and clash with a package called data."""
    for part in (*PARTS, "tests", "isnet_cxr/__init__.py"):
        files = [ROOT / part] if part.endswith(".py") else sorted((ROOT / part).rglob("*.py"))
        for file in files:
            for line in file.read_text(encoding="utf-8").splitlines():
                words = line.split()
                if len(words) > 1 and words[0] in {"from", "import"}:
                    assert words[1].split(".")[0] not in PARTS, f"{file}: {line}"


@pytest.mark.slow
def test_a_wheel_beside_a_package_called_data_breaks_neither(tmp_path):
    source, home = tmp_path / "source", tmp_path / "venv"
    source.mkdir()
    for name in (*PARTS, "isnet_cxr"):
        shutil.copytree(ROOT / name, source / name, symlinks=True)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", tmp_path, source]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("isnet_cxr-*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    packages = home / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (packages / "data").mkdir()
    (packages / "data" / "__init__.py").write_text("OWNER = 'somebody else'\n")
    subprocess.run([*pip, "--python", home, "install", "--no-deps", "-q", wheel], check=True)
    code = (
        "import data, isnet_cxr\n"
        "from isnet_cxr import Classifier, LungSegmenter, read_image\n"
        "from isnet_cxr import explain, heatmap_loss, prepare\n"
        "import isnet_cxr.data.phantoms, isnet_cxr.pipeline.config\n"
        "print(data.OWNER, isnet_cxr.__file__)"
    )
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    ran = subprocess.run(
        [home / "bin/python", "-c", code],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=clean,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == f"somebody else {packages / 'isnet_cxr' / '__init__.py'}"
    helped = subprocess.run(
        [home / "bin/isnet-cxr", "--help"], cwd=tmp_path, env=clean, check=False
    )
    assert helped.returncode == 0
