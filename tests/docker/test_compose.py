"""The compose file: valid, and as closed as it says."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

DOCKER = Path(__file__).resolve().parents[2] / "docker"
TEXT = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("isnet-cxr:")}


def compose() -> list[str]:
    """Return how compose is called here: the plugin, or the program."""
    if shutil.which("docker"):
        plugin = ["docker", "compose"]
        if subprocess.run([*plugin, "version"], capture_output=True, check=False).returncode == 0:
            return plugin
    if shutil.which("docker-compose") is None:
        pytest.skip("neither docker compose nor docker-compose is installed")
    return ["docker-compose"]


@pytest.mark.parametrize("profile", ["batch", "send", "mlflow", "pages", "serve"])
def test_every_profile_is_valid(profile):
    command = [*compose(), "--env-file", str(DOCKER / "env.example")]
    command += ["-f", str(DOCKER / "compose.yaml"), "--profile", profile, "config"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    resolved = yaml.safe_load(checked.stdout)
    assert resolved["services"]


def test_the_batch_has_no_network_and_writes_its_results_alone():
    batch = SERVICES["predict"]
    assert batch["network_mode"] == "none"
    assert not {"ports", "networks"} & set(batch)
    writable = [mount for mount in batch["volumes"] if not mount.endswith(":ro")]
    assert [mount.rpartition(":")[2] for mount in writable] == ["/out"]
    assert {"mem_limit", "cpus", "pids_limit"} <= set(batch)


def test_sending_sees_the_results_alone():
    assert [mount.rpartition(":")[2] for mount in SERVICES["send"]["volumes"]] == ["/out"]
    assert "ports" not in SERVICES["send"]


@pytest.mark.parametrize("name", OURS)
def test_our_services_are_closed(name):
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert re.fullmatch(r"\$\{RUN_AS:-[1-9]\d*:[1-9]\d*\}", service["user"])
    assert "mem_limit" in service
    assert "env_file" not in service


def test_ports_are_this_machines_alone_and_their_services_are_watched():
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
            assert service["healthcheck"]["test"], name


def test_the_database_is_seen_by_the_server_alone():
    assert yaml.safe_load(TEXT)["networks"]["store"]["internal"] is True
    assert SERVICES["database"]["networks"] == ["store"]
    assert "ports" not in SERVICES["database"]
    assert [name for name in SERVICES if "store" in SERVICES[name].get("networks", [])] == [
        "database",
        "mlflow",
    ]
    waits = SERVICES["mlflow"]["depends_on"]["database"]["condition"]
    assert waits == "service_healthy"
    assert SERVICES["database"]["healthcheck"]["test"][1] == "pg_isready"


def test_every_service_has_a_profile_so_that_up_alone_starts_nothing():
    assert all(service["profiles"] for service in SERVICES.values())


def test_settings_are_explained():
    """What has a default for one user alone is in the example, with what else it needs."""
    example = (DOCKER / "env.example").read_text(encoding="utf-8")
    told = set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    used = set(re.findall(r"\$\{([A-Z_]+)", TEXT))
    builds = {"ISNET_CXR_TAG", "TORCH_INDEX", "REVISION", "SOURCE"}
    assert used - builds == told - {"COMPOSE_PROJECT_NAME"}
