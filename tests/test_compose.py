"""docker-compose.yml against the code: its commands, variables, paths and ports are real."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from pilot import config
from pilot.config import Settings

ROOT = Path(__file__).resolve().parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
OURS = ("llmserver", "webserver")
SECRETS = ("MYSQL_ROOT_PASSWORD", "READER_PASSWORD", "LOCAL_DB_PASSWORD", "LLM_API_KEY", "WEB_PASSWORD")


@pytest.mark.parametrize("name", OURS)
def test_commands_start_doors_that_exist(name: str) -> None:
    program, door, *_ = COMPOSE["services"][name]["command"]
    assert program == "python"
    assert (ROOT / door).is_file()


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting(name: str) -> None:
    known = {field.upper() for field in Settings.model_fields}
    assert set(COMPOSE["services"][name]["environment"]) <= known


def test_the_settings_of_the_containers_are_valid() -> None:
    for name in OURS:
        values = {key.lower(): _filled(value) for key, value in COMPOSE["services"][name]["environment"].items()}
        config.load(Path("none"), **{key: value for key, value in values.items() if value})


def test_secrets_have_no_default() -> None:
    found = 0
    for service in COMPOSE["services"].values():
        for key, value in service["environment"].items():
            if key in SECRETS:
                found += 1
                assert re.fullmatch(r"\$\{[A-Z_]+:\?.+\}", value), f"{key} has a default"
    assert found == 6


def test_each_waits_for_the_health_of_what_it_needs() -> None:
    services = COMPOSE["services"]
    waits = services["webserver"]["depends_on"]
    assert {name: how["condition"] for name, how in waits.items()} == {
        "mysql": "service_healthy",
        "llmserver": "service_healthy",
    }
    assert all("healthcheck" in service for service in services.values())


def test_the_ports_of_health_checks_and_addresses_agree() -> None:
    services = COMPOSE["services"]
    assert services["webserver"]["environment"]["MODEL_SERVER"] == "http://llmserver:8000"
    assert ":8000/ready" in services["llmserver"]["healthcheck"]["test"][-1]
    assert (
        f":{Settings.model_fields['web_server_port'].default}/health"
        in services["webserver"]["healthcheck"]["test"][-1]
    )


def test_without_an_extra_file_no_gpu_is_asked_for() -> None:
    assert "nvidia" not in (ROOT / "docker-compose.yml").read_text(encoding="utf-8").replace("NVIDIA", "")
    gpu = yaml.safe_load((ROOT / "docker" / "compose.gpu.yml").read_text(encoding="utf-8"))
    assert set(gpu["services"]) == {"llmserver"}


def test_vllm_stands_where_the_webserver_looks_for_its_model() -> None:
    services = yaml.safe_load((ROOT / "docker" / "compose.vllm.yml").read_text(encoding="utf-8"))["services"]
    webserver, vllm = services["webserver"], services["vllm"]
    assert webserver["environment"] == {
        "MODEL_SERVER": "http://vllm:8000",
        "EMBEDDING_SERVER": "http://llmserver:8000",
    }
    assert {name.lower() for name in webserver["environment"]} <= set(Settings.model_fields)
    assert webserver["depends_on"] == {"vllm": {"condition": "service_healthy"}}
    assert "--port=8000" in vllm["command"]
    assert "--structured-outputs-config.backend=guidance" in vllm["command"]  # its other backends read no Lark
    assert vllm["environment"]["VLLM_API_KEY"].startswith("${LLM_API_KEY:?")
    assert set(vllm["networks"]) <= set(COMPOSE["networks"])


def test_mounted_files_and_build_files_exist() -> None:
    for service in COMPOSE["services"].values():
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).is_file()
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith("./") or (ROOT / source).exists(), source
    for line in (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8").splitlines():
        if line.startswith("COPY"):
            for source in shlex.split(line)[1:-1]:
                assert (ROOT / source).exists(), source


def _filled(value: str) -> str:
    """A variable's default, or a stand-in for a secret."""
    return re.sub(
        r"\$\{[A-Z_]+(?::-([^}]*)|:\?[^}]*)\}", lambda found: found[1] if found[1] is not None else "s" * 12, value
    )
