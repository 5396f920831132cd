"""The stand-in's HTTP server, and what do/serve, do/run and do/test need to know of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from threading import Thread
from types import ModuleType
from uuid import uuid4

from lib import config
from lib.aws import names
from lib.cli import ExitCode, VerbError, say
from lib.local import entrypoint, environment
from lib.sagemaker_runtime import limits, replies, requests
from lib.sagemaker_runtime.container import Container
from lib.sagemaker_runtime.errors import InvocationError
from lib.sagemaker_runtime.replies import Reply

MODULES = {  # by operation
    "InvokeEndpoint": "invoke_endpoint",
    "InvokeEndpointWithResponseStream": "invoke_endpoint_with_response_stream",
    "InvokeEndpointAsync": "invoke_endpoint_async",
}
NEED_AWS = {"InvokeEndpointAsync"}  # its requests and responses are in S3

USE = """\
SageMaker runtime for the endpoint {name} at {url}: run your application with
AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME={url}, or with AWS_PROFILE={name}-local and these lines in ~/.aws/config:

[profile {name}-local]
region = {region}
services = {name}-local
# any keys do here; use your own if the application also uses S3 or another service
aws_access_key_id = local
aws_secret_access_key = local

[services {name}-local]
sagemaker_runtime =
  endpoint_url = {url}
"""


def port_beside(port: int) -> int:
    """The port of the stand-in for a server at this port."""
    return port + 1


def add_option(arguments: argparse._ActionsContainer) -> None:
    """Let a verb that serves have --sagemaker."""
    arguments.add_argument(
        "--sagemaker", action="store_true", help="also stand in for the SageMaker runtime, at the port after PORT"
    )


def prepare(port: int) -> None:
    """Go on in do/.venv if the operations need AWS. Raises VerbError if a stand-in can't run beside this port."""
    if not limits.OPERATIONS:
        raise VerbError(
            "this project has no endpoint to stand in for: run without --sagemaker", ExitCode.BAD_CONFIGURATION
        )
    entrypoint.require_free(port_beside(port))
    if NEED_AWS & {*limits.OPERATIONS}:
        environment.enter_verbs()


def beside(port: int, wanted: bool = True) -> AbstractContextManager[object]:
    """The stand-in in front of the server at this port, if it is wanted. Raises VerbError."""
    return _running(port) if wanted else nullcontext()


@contextmanager
def _running(port: int) -> Iterator[None]:
    operations = {name: import_module(f"lib.sagemaker_runtime.{MODULES[name]}") for name in limits.OPERATIONS}
    server = Server(port_beside(port), Container(f"http://127.0.0.1:{port}"), operations)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    say(USE.format(url=url, name=names.project(), region=config.load()["AWS_REGION"]))
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class Server(ThreadingHTTPServer):
    """Listens on this machine only. `operations` are modules with a function `answer`."""

    daemon_threads = True

    def __init__(self, port: int, container: Container, operations: dict[str, ModuleType]) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.container = container
        self.operations = operations

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that has gone needs no reply; anything else is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def reply(self, request: requests.Request) -> Reply:
        """The reply to a request. Raises InvocationError."""
        reply: Reply = self.operations[request.operation].answer(request, self.container)
        return reply


class Handler(BaseHTTPRequestHandler):
    """Reads requests and writes replies."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or the body would wait for the caller to acknowledge the headers
    server: Server

    def do_POST(self) -> None:
        """Every operation is a POST."""
        body = requests.Body(self.rfile, int(self.headers.get("Content-Length") or 0))
        try:
            reply = self.server.reply(requests.parse(self.path, self.headers, body))
        except InvocationError as error:
            reply = replies.of_error(error)
        except VerbError as error:  # of a request to S3
            reply = replies.of_error(InvocationError("InternalFailure", str(error)))
        body.drain()
        self._send(reply)

    def log_message(self, *_: object) -> None:
        """Nothing: the server behind logs its requests, and the caller gets the errors."""

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in (reply.headers | {"x-amzn-RequestId": str(uuid4())}).items():
            self.send_header(name, value)
        if isinstance(reply.body, bytes):
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
        else:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._send_chunks(reply.body)

    def _send_chunks(self, pieces: Generator[bytes]) -> None:
        with closing(pieces):  # also when the caller has gone
            for piece in pieces:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")
