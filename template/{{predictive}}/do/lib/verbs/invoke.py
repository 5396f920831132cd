"""do/invoke: send a request to the model and print its answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lib import cli, config
from lib.cli import ExitCode, VerbError
from lib.local import environment
from lib.model import example

if TYPE_CHECKING:
    import httpx

EPILOG = """\
Without --file, sends example_request.json if it exists, otherwise the sample model's request.

examples:
  do/invoke
  do/invoke --file rows.csv --accept text/csv
  echo '[[1, 2, 3]]' | do/invoke --file -
  do/invoke --output predict_proba   another output of the model, for this request
  do/invoke --endpoint               the endpoint that do/deploy made
  do/invoke --endpoint --stream      the streamed response, chunk by chunk"""

CONTENT_TYPES = {
    ".json": "application/json",
    ".csv": "text/csv",
    ".jsonl": "application/jsonlines",
    ".npy": "application/x-npy",
    ".libsvm": "text/libsvm",
    ".parquet": "application/vnd.apache.parquet",
}


def main() -> int:
    arguments = cli.parser("Send a request to the model and print the response.", EPILOG)
    arguments.add_argument("--file", metavar="FILE", help="the request body; - reads standard input")
    arguments.add_argument("--content-type", metavar="TYPE", help="default: by FILE's suffix, or application/json")
    arguments.add_argument("--accept", metavar="TYPE", default="application/json", help="default: %(default)s")
    arguments.add_argument("--output", metavar="NAME", help="the output to ask for, such as predict_proba")
    server = arguments.add_mutually_exclusive_group()
    server.add_argument("--url", metavar="URL", help="default: http://127.0.0.1:PORT, with PORT of do/config")
    server.add_argument("--endpoint", action="store_true", help="use the endpoint in AWS")
    arguments.add_argument("--stream", action="store_true", help="stream the endpoint's response")
    options = cli.parse(arguments)
    if options.stream and not options.endpoint:
        raise VerbError("--stream needs --endpoint: run do/invoke --endpoint --stream", ExitCode.BAD_CONFIGURATION)
    file = Path(options.file) if options.file else example.request_file()
    url = options.url or f"http://127.0.0.1:{config.load()['PORT']}"
    environment.enter_verbs()  # before standard input is read: the verb starts again there
    content_type = options.content_type or CONTENT_TYPES.get(file.suffix.lower(), CONTENT_TYPES[".json"])
    message = Message(read(file), content_type, options.accept, f"output={options.output}" if options.output else "")
    return ask_endpoint(message, options.stream) if options.endpoint else report(send(url, message))


class Message(NamedTuple):
    """A request."""

    body: bytes
    content_type: str
    accept: str
    attributes: str = ""  # custom ones


def read(file: Path) -> bytes:
    """A file's content, or standard input's for `-`. Raises VerbError for a file that can't be read."""
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise VerbError(f"can't read {file}: {error.strerror}", ExitCode.MISSING_FILE) from None


def ask_endpoint(message: Message, stream: bool) -> int:
    """Print the endpoint's answer, in pieces as they come or all of it. Raises VerbError."""
    from lib.aws import invocation
    from lib.target import answers

    aws = invocation.connect()
    parameters = {"Body": message.body, "ContentType": message.content_type, "Accept": message.accept}
    if message.attributes:
        parameters["CustomAttributes"] = message.attributes
    try:
        return write(answers.stream(aws, **parameters)[0] if stream else [answers.whole(aws, **parameters)[0]])
    except invocation.Refused as refusal:
        raise refused(refusal.status, refusal.body) from None


def send(url: str, message: Message) -> httpx.Response:
    """The server's answer. Raises VerbError when there is none."""
    import httpx  # in do/.venv only

    from lib.local import probe

    with probe.connect(url) as connection:
        try:
            headers = {"Content-Type": message.content_type, "Accept": message.accept}
            headers |= {"X-Amzn-SageMaker-Custom-Attributes": message.attributes} if message.attributes else {}
            return connection.post("/invocations", content=message.body, headers=headers)
        except httpx.ConnectError:
            raise probe.nothing_listens(url) from None
        except httpx.TransportError as error:
            raise VerbError(f"no answer from {url}: {error or type(error).__name__}", ExitCode.FAILED) from None


def report(response: httpx.Response) -> int:
    """Print the answer as it came; say what the server found wrong where it refused. Raises VerbError."""
    if response.status_code != 200:
        raise refused(response.status_code, response.content)
    return write([response.content])


def write(pieces: Iterable[bytes]) -> int:
    """Print an answer as it came."""
    for piece in pieces:
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    if sys.stdout.isatty():
        print()
    return ExitCode.OK


def refused(status: int, body: bytes) -> VerbError:
    """The error for a refusal: its message; the start of its body where it isn't in this project's form."""
    try:
        error = json.loads(body)["error"]
        message = f"{error['message']} (code {error['code']}, request {error['request_id']})"
    except (ValueError, KeyError, TypeError):
        message = " ".join(body[:200].decode(errors="replace").split()) or "(no text)"
    return VerbError(f"the server answered {status}: {message}", ExitCode.FAILED)
