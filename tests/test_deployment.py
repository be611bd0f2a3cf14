"""compose.yaml and the Dockerfile, as far as they can be tried without Docker."""

import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
from typing import Any

import pytest
import yaml


@pytest.fixture(scope="module")
def services(root) -> dict[str, Any]:
    return yaml.safe_load((root / "compose.yaml").read_text())["services"]


@pytest.fixture(scope="module")
def dockerfile(root) -> str:
    return (root / "Dockerfile").read_text()


def test_worker_command_is_a_valid_plan_here(services, root):
    python, *arguments = shlex.split(services["worker"]["command"])

    command = [sys.executable, *arguments, "--check"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)

    assert python == "python"
    assert done.returncode == 0, done.stdout + done.stderr
    assert "worker_b" in done.stdout


def test_worker_can_be_scaled(services):
    assert "container_name" not in services["worker"]
    assert "ports" not in services["worker"]


def test_worker_waits_for_a_healthy_redis_and_finds_it_by_name(services):
    assert services["worker"]["depends_on"]["redis"]["condition"] == "service_healthy"
    assert services["worker"]["environment"]["BROKER_URL"] == "redis://redis:6379"


@pytest.mark.redis
@pytest.mark.skipif(not shutil.which("redis-server"), reason="there is no redis-server on PATH")
def test_redis_command_starts_a_server_that_its_health_check_finds(services, tmp_path):
    server, *options = shlex.split(services["redis"]["command"])
    how, cli, *ping = services["redis"]["healthcheck"]["test"]
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])

    with subprocess.Popen([server, *options, "--port", port, "--dir", tmp_path], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert any(b"Ready to accept connections" in line for line in process.stdout)
            pong = subprocess.run([cli, "-p", port, *ping], capture_output=True, text=True, check=True)
            assert (how, pong.stdout.strip()) == ("CMD", "PONG")
            assert (tmp_path / "appendonlydir").is_dir()
        finally:
            process.terminate()


def test_image_is_built_from_files_that_are_there_and_not_ignored(dockerfile, root):
    ignore = (root / ".dockerignore").read_text().split()
    copied = [name for line in re.findall(r"^COPY (.+)$", dockerfile, re.MULTILINE) for name in line.split()[:-1]]

    assert ignore[0] == "*"
    assert [name for name in copied if not (root / name).exists() or f"!{name}" not in ignore] == []


def test_image_runs_the_worker_as_an_ordinary_user(dockerfile):
    lines = dockerfile.splitlines()

    assert "USER worker" in lines
    assert json.loads(lines[-1].removeprefix("CMD ")) == ["python", "-m", "worker_runtime"]
