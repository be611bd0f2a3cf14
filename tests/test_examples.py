"""The examples run, as programs of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
FOLDERS = [
    "add/worker_a",
    "add/worker_b",
    "chat",
    "images/gallery",
    "images/image_service",
    "jobs",
    "shop",
    "signup",
    "todo/admin_app",
    "todo/todo_app",
]


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=50)


def test_demo_prints_the_answer_of_every_caller_and_ends_cleanly(root):
    done = run(root, "examples/demo.py")

    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert "Result: 3" in lines
    assert sum(line.endswith("add(1, 2): 3") for line in lines) == 2
    assert "Traceback" not in done.stdout + done.stderr


def test_the_chat_shows_callbacks_a_returned_object_a_stream_and_a_chain(root):
    done = run(root, "examples/chat/demo.py")

    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if not line.startswith("    ready")] == [
        "Bob reached 1; Ann heard 'Bob: Is anybody there?'",
        "With Bob in the room: ['Ann']",
        "Bob heard 'Hello Bob!' from Ann",
        "Bob heard 'psst' from Ann",
        "The room so far: ['Bob: Is anybody there?', 'Ann: Hello Bob!']",
        "Everybody has left: []",
    ]
    assert done.stderr == ""


@pytest.mark.parametrize("folder", FOLDERS)
def test_configuration_of_every_example_is_valid(folder, root):
    done = run(root, "-m", "worker_runtime", f"examples/{folder}", "--check")

    assert done.returncode == 0, done.stdout + done.stderr
    assert folder.rpartition("/")[2].replace("image_", "image-") in done.stdout


def test_a_pool_may_hold_both_workers(root):
    done = run(root, "-m", "worker_runtime", "examples/add/worker_a", "examples/add/worker_b", "--check")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "entrypoint Default: fetch\n" in done.stdout
    assert "entrypoint Default: add, fetch\n" in done.stdout


def test_every_example_folder_is_tested():
    folders = {path.parent.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("wrangler.*")}

    assert folders == set(FOLDERS)
