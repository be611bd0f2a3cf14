"""compose.yaml, the Dockerfile, and the files of docs/how-to, as far as they can be tried without what runs them."""

import configparser
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

from broker.keys import ServiceKeys
from tests.support.pages import ROOT, Block, blocks
from worker_runtime.config.units import parse_duration


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


@pytest.mark.redis
@pytest.mark.skipif(not shutil.which("redis-server"), reason="there is no redis-server on PATH")
def test_redis_with_the_settings_of_the_manual_is_one_that_the_doctor_likes(root, tmp_path):
    [settings] = of_pages("conf")
    (tmp_path / "redis.conf").write_text(settings.text)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])

    command = ["redis-server", tmp_path / "redis.conf", "--bind", "127.0.0.1", "--port", port, "--dir", tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert any(b"Ready to accept connections" in line for line in process.stdout)
            doctor = [sys.executable, "-m", "broker", "doctor", "--broker", f"redis://127.0.0.1:{port}"]
            done = subprocess.run(doctor, cwd=root, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stdout) == (0, "nothing is wrong\n")
        finally:
            process.terminate()


def of_pages(language: str) -> list[Block]:
    return [b for page in (ROOT / "docs").rglob("*.md") for b in blocks(page) if b.language == language]


def grace(arguments: list[str]) -> float:
    return parse_duration(arguments[arguments.index("--grace") + 1])


def check(arguments: list[str], root) -> None:
    """Have the worker itself read the arguments that it would be started with."""
    done = subprocess.run(
        [sys.executable, *arguments, "--check"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(params=of_pages("ini"), ids=lambda block: block.place)
def unit(request) -> Block:
    return request.param


def test_unit_runs_a_command_that_the_worker_understands_and_drains_within_its_time(unit, root):
    settings = configparser.ConfigParser(interpolation=None)
    settings.optionxform = str
    settings.read_string(unit.text)
    service = settings["Service"]
    python, *arguments = service["ExecStart"].split()

    assert python.endswith("/bin/python")
    check([*arguments, "examples/add/worker_b"], root)
    assert float(service["TimeoutStopSec"]) > grace(arguments)
    assert service["KillMode"] == "mixed"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here; its file is parsed above")
def test_systemd_finds_nothing_wrong_with_the_unit(unit, tmp_path):
    name = unit.file.rpartition("/")[2]
    text = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", unit.text, flags=re.MULTILINE)
    (tmp_path / name).write_text(text)

    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / name.replace("@.", "@shop.")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


def documents(kind: str) -> list[Any]:
    found = [document for block in of_pages("yaml") for document in yaml.safe_load_all(block.text)]
    return [document for document in found if document.get("kind") == kind]


@pytest.mark.parametrize("deployment", documents("Deployment"), ids=lambda found: found["metadata"]["name"])
def test_pod_is_probed_where_its_worker_listens_and_drains_within_its_time(deployment, root):
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    [port] = container["ports"]
    _, *arguments = [*container["command"], *container["args"]]

    check(arguments, root)
    assert pod["terminationGracePeriodSeconds"] > grace(arguments)
    assert arguments[arguments.index("--health") + 1] == f"0.0.0.0:{port['containerPort']}"
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": port["name"]}
    assert container["livenessProbe"]["httpGet"] == {"path": "/live", "port": port["name"]}
    assert deployment["spec"]["selector"]["matchLabels"] == deployment["spec"]["template"]["metadata"]["labels"]


def test_every_file_for_another_system_is_of_a_kind_that_is_tried():
    found = [yaml.safe_load(block.text) for block in of_pages("yaml")]
    kinds = [document.get("kind", "jobs" if "jobs" in document else "") for document in found]

    assert sorted(kinds) == ["Deployment", "ScaledObject", "jobs"]


def test_scaler_looks_at_a_stream_of_its_deployment(root):
    [scaler], deployments = documents("ScaledObject"), documents("Deployment")
    [trigger] = scaler["spec"]["triggers"]

    assert scaler["spec"]["scaleTargetRef"]["name"] in {found["metadata"]["name"] for found in deployments}
    assert trigger["type"] == "redis-streams"
    assert trigger["metadata"]["stream"] == ServiceKeys("callyard", "shop").calls("Default")
    assert trigger["metadata"]["streamLength"].isdecimal()
