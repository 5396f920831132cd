"""The conformance checks tell when an image does not conform."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from tests.containers.conftest import Built, docker

# A server with the faults that such servers have: it starts late, listens at one port only, keeps its process behind a
# shell, prints what it gets, says that it is well whatever happens, and does without its parts.
FAULTY_SERVER = """
import http.server, os, sys, time
time.sleep(11)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(b"")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        print("got", body[:80], flush=True)
        self.answer(b'{"predictions": [0]}')
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass
http.server.HTTPServer(("", 8080), Handler).serve_forever()
"""
DOCKERFILE = """
FROM {image}
COPY faulty.py /opt/program/faulty.py
COPY faulty.py /opt/program/do/build
ENTRYPOINT ["/bin/sh", "-c", "python -c 'import time; time.sleep(1000)' gunicorn & python /opt/program/faulty.py"]
"""
RUN_CHECKS = """
import json, sys
sys.path.insert(0, "do")
from lib.image import container_engine, images
from lib.checks.container import suite
from lib.checks.container.subject import Subject
from lib.checks.http import reference
chosen = container_engine.find()
with Subject(chosen, images.find(chosen, sys.argv[1]), None) as subject:
    checks = [check for check in suite.all_checks() if check.name in sys.argv[2:]]
    results = suite.run(subject, reference.load(None, None), checks)
    print(json.dumps({result.name: result.outcome for result in results}))
"""


FOUND = [
    "the first ping is 200 in time with read only files and no capabilities",
    "it listens where SAGEMAKER BIND TO PORT says",
    "the image holds only what serves",
    "its entrypoint takes signals and arguments itself",
    "of 200 connections at once none is lost",
    "every log line is a JSON object on standard output",
    "no request data is in the log",
    "a killed application server is never half dead",
    "after SIGTERM requests in flight finish and new ones are refused",
]
RIGHT = "the image is for the processor that runs it in AWS"


@pytest.fixture(scope="module")
def outcomes(built: Callable[[str, str], Built], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """How some checks come out for an image with faults."""
    image = built("sklearn", "fastapi")
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "Dockerfile").write_text(DOCKERFILE.format(image=image.image))
    (folder / "faulty.py").write_text(FAULTY_SERVER)
    faulty = f"{image.image}-faulty"
    docker("build", "--tag", faulty, str(folder))
    command = [str(image.project / "do/.venv/bin/python"), "-c", RUN_CHECKS, faulty, *FOUND, RIGHT]
    done = subprocess.run(command, cwd=image.project, capture_output=True, text=True, timeout=600)
    left_behind = docker("ps", "--all", "--quiet", "--filter", f"ancestor={faulty}")
    docker("rmi", "--force", faulty)
    assert done.returncode == 0, done.stderr
    assert left_behind == ""
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("check", FOUND)
def test_a_fault_is_found(outcomes: dict[str, str], check: str) -> None:
    assert outcomes[check] == "FAIL"


def test_what_is_right_passes(outcomes: dict[str, str]) -> None:
    assert outcomes[RIGHT] == "ok"
