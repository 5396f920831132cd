"""do/serve --sagemaker answers boto3 as the SageMaker runtime does; here in front of a container that misbehaves.

boto3 itself judges the wire format; errors and limits are those of the API's documentation:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Runtime.html
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import pytest
from botocore.exceptions import ClientError, EventStreamError

from tests.rendering import copy_project
from tests.verbs.conftest import Render, refusal, run, stamp
from tests.verbs.test_serve import wait_for

# The container: what it does is the body of the request.
CONTAINER = """
import json, os, signal, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(b"", 503 if os.path.exists("starting") else 200)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        getattr(self, body[:20].decode(), self.length)(body)

    def headers_back(self, body):
        self.answer(json.dumps({name.lower(): value for name, value in self.headers.items()}).encode())

    def refuse(self, body):
        self.answer(b'{"error": "no such column"}', 400)

    def length(self, body):
        self.answer(str(len(body)).encode())

    def sleep(self, body):
        time.sleep(3)

    def hang_up(self, body):
        self.close_connection = True

    def stream(self, body, end=b"0\\r\\n\\r\\n"):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in (b"one", b"two"):
            self.wfile.write(b"3\\r\\n" + piece + b"\\r\\n")
            time.sleep(0.1)
        self.wfile.write(end)

    def break_off(self, body):
        self.stream(body, b"")
        self.close_connection = True

    def stall(self, body):
        self.stream(body, b"")
        time.sleep(3)

    def answer(self, body, status=200):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", "seen=yes")
        self.send_header("X-Amzn-SageMaker-New-Session-Id", "abc; Expires=2030-01-01T00:00:00Z")
        self.send_header("X-Private", "no")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""
ONCE = botocore.config.Config(retries={"total_max_attempts": 1})


@pytest.fixture(scope="module")
def project(render: Render, verbs_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose container is the one above, with limits of one and two seconds."""
    answers = {"framework": "sklearn", "model_format": "pkl", "model_server": "fastapi"}
    path = copy_project(render(**answers), tmp_path_factory.mktemp("runtime") / "project")
    stamp(verbs_environment, path / "requirements.txt")
    (path / ".venv").symlink_to(verbs_environment)
    (path / "model" / "model.pkl").write_bytes(b"model")
    (path / "serving" / "serve").write_text(CONTAINER)
    limits = path / "do" / "lib" / "sagemaker_runtime" / "limits.json"
    limits.write_text(json.dumps(json.loads(limits.read_text()) | {"seconds": 1, "stream_seconds": 2}))
    return path


def free_port() -> int:
    """A port that is free, and so is the next."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


@pytest.fixture(scope="module")
def output(project: Path) -> Iterator[str]:
    """What do/serve --sagemaker has said once it serves. It runs on a Python without packages."""
    errors, port = project / "errors", free_port()
    with errors.open("w") as stream:
        verb = subprocess.Popen(
            [sys.executable, "-S", "do/serve", "--sagemaker", "--port", str(port)], cwd=project, stderr=stream
        )
        wait_for(f"ready at http://127.0.0.1:{port}: ", errors, verb)
        yield errors.read_text()
        verb.terminate()
        assert verb.wait(20) == 0


@pytest.fixture(scope="module")
def runtime(output: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The client of an application that uses the printed profile."""
    file = tmp_path_factory.mktemp("aws") / "config"
    file.write_text(output[output.index("[profile") : output.index("ready at")])
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", str(file))
        with closing(boto3.Session(profile_name="my-model-local").client("sagemaker-runtime", config=ONCE)) as client:
            yield client


def client_at(port: int) -> Any:
    """A client of the stand-in at this port."""
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "region_name": "us-east-1"}
    return boto3.client("sagemaker-runtime", endpoint_url=f"http://127.0.0.1:{port}", config=ONCE, **keys)


def invoke(runtime: Any, body: bytes, **parameters: str) -> dict[str, Any]:
    given = {"EndpointName": "my-model", "ContentType": "text/csv", **parameters}
    return dict(runtime.invoke_endpoint(Body=body, **given))


def stream(runtime: Any, body: bytes) -> Iterator[bytes]:
    events = runtime.invoke_endpoint_with_response_stream(EndpointName="my-model", Body=body, ContentType="text/csv")
    with closing(events["Body"]) as pieces:
        yield from (event["PayloadPart"]["Bytes"] for event in pieces)


def test_the_printed_profile_leads_to_it_and_the_variable_is_named(output: str, runtime: Any) -> None:
    assert f"AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME={runtime.meta.endpoint_url}" in output
    assert runtime.meta.region_name == "us-east-1"


def test_a_response_comes_with_its_type_its_variant_attributes_and_session(runtime: Any) -> None:
    found = invoke(runtime, b"1,2\n")

    assert found.pop("Body").read() == b"4"
    assert found.pop("ResponseMetadata")["HTTPHeaders"].keys().isdisjoint({"x-private"})
    assert found == {
        "ContentType": "application/json",
        "InvokedProductionVariant": "main",
        "CustomAttributes": "seen=yes",
        "NewSessionId": "abc; Expires=2030-01-01T00:00:00Z",
    }


def test_the_container_gets_the_headers_that_sagemaker_passes_on_and_no_others(runtime: Any) -> None:
    attributes = {"Accept": "text/csv", "CustomAttributes": "a=b", "SessionId": "NEW_SESSION", "InferenceId": "1"}

    headers = json.loads(invoke(runtime, b"headers_back", **attributes)["Body"].read())

    assert {name: value for name, value in headers.items() if name not in ("host", "accept-encoding")} == {
        "content-type": "text/csv",
        "accept": "text/csv",
        "content-length": "12",
        "x-amzn-sagemaker-custom-attributes": "a=b",
        "x-amzn-sagemaker-session-id": "NEW_SESSION",
    }


def test_an_error_of_the_container_is_a_model_error_with_its_status_and_body(runtime: Any) -> None:
    with pytest.raises(runtime.exceptions.ModelError) as error:
        invoke(runtime, b"refuse")

    response: Any = error.value.response
    assert (response["ResponseMetadata"]["HTTPStatusCode"], response["OriginalStatusCode"]) == (424, 400)
    assert response["OriginalMessage"] == '{"error": "no such column"}'
    assert 'Received client error (400) from primary with message "{' in response["Error"]["Message"]


@pytest.mark.parametrize(("body", "said"), [(b"sleep", "timed out"), (b"hang_up", "closed")])
def test_a_container_that_does_not_respond_is_a_model_error_of_status_0(runtime: Any, body: bytes, said: str) -> None:
    with pytest.raises(runtime.exceptions.ModelError, match=said) as error:
        invoke(runtime, body)

    assert error.value.response["OriginalStatusCode"] == 0


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"EndpointName": "other"}, "Endpoint other of account 123456789012 not found."),
        ({"TargetVariant": "canary"}, "Variant canary not found"),
        ({"TargetModel": "a.tar.gz"}, "TargetModel needs a multi-model endpoint"),
        ({"CustomAttributes": "x" * 1025}, "at CustomAttributes failed to satisfy constraint"),
        ({"SessionId": "no session"}, "at SessionId failed to satisfy constraint"),
    ],
)
def test_a_request_that_makes_no_sense_is_a_validation_error(
    runtime: Any, parameters: dict[str, str], said: str
) -> None:
    with pytest.raises(ClientError, match=said) as error:
        invoke(runtime, b"", **parameters)

    assert error.value.response["Error"]["Code"] == "ValidationError"


def test_another_kind_of_endpoint_takes_asynchronous_requests(runtime: Any) -> None:
    with pytest.raises(ClientError, match="does not take InvokeEndpointAsync") as error:
        runtime.invoke_endpoint_async(EndpointName="my-model", InputLocation="s3://bucket/key")

    assert error.value.response["Error"]["Code"] == "ValidationError"


def test_a_request_of_25_mb_is_taken_and_a_larger_one_is_refused(runtime: Any) -> None:
    most = 25 * 1024 * 1024
    assert invoke(runtime, bytes(most))["Body"].read() == str(most).encode()

    with pytest.raises(ClientError, match="oversize body") as error:
        invoke(runtime, bytes(most + 1))

    assert error.value.response["Error"]["Code"] == "ValidationError"


def test_a_stream_comes_in_the_pieces_that_the_container_sends(runtime: Any) -> None:
    assert [*stream(runtime, b"stream")] == [b"one", b"two"]


@pytest.mark.parametrize(
    ("body", "said"), [(b"break_off", "closed the connection"), (b"stall", "did not finish its response within 2 s")]
)
def test_a_stream_that_does_not_end_well_is_a_model_stream_error(runtime: Any, body: bytes, said: str) -> None:
    pieces = stream(runtime, body)

    assert (next(pieces), next(pieces)) == (b"one", b"two")
    with pytest.raises(EventStreamError, match=said) as error:
        next(pieces)
    assert error.value.response["Error"]["Code"] == "ModelStreamError"


def test_a_server_that_is_starting_is_not_ready(project: Path) -> None:
    errors, port = project / "errors-of-another", free_port()
    (project / "starting").touch()
    with errors.open("w") as stream, closing(client_at(port + 1)) as client:
        verb = subprocess.Popen(
            [sys.executable, "do/serve", "--sagemaker", f"--port={port}"], cwd=project, stderr=stream
        )
        wait_for("[services my-model-local]", errors, verb)
        with pytest.raises(client.exceptions.ModelNotReadyException):
            invoke(client, b"")
        (project / "starting").unlink()
        wait_for("ready at", errors, verb)

        assert invoke(client, b"")["Body"].read() == b"0"
        verb.terminate()
        assert verb.wait(20) == 0


def test_a_port_that_is_taken_is_one_line(project: Path) -> None:
    with socket.socket() as taken:
        port = free_port()
        taken.bind(("127.0.0.1", port + 1))
        taken.listen()

        line = refusal(run(project, "serve", "--sagemaker", "--port", str(port)), 2)

    assert line.startswith(f"do/serve: can't listen on port {port + 1} (Address already in use)")
