"""do/invoke: send a request to the model and print its answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lib import cli, environment, example, settings
from lib.cli import ExitCode, VerbError

if TYPE_CHECKING:
    import httpx

EPILOG = """\
Without --file it sends example_request.json, else the sample model's request.

examples:
  do/invoke
  do/invoke --file rows.csv --accept text/csv
  echo '[[1, 2, 3]]' | do/invoke --file -"""

CONTENT_TYPES = {
    ".json": "application/json",
    ".csv": "text/csv",
    ".jsonl": "application/jsonlines",
    ".npy": "application/x-npy",
}


def main() -> int:
    arguments = cli.parser("Send a request to the model and print its answer.", EPILOG)
    arguments.add_argument("--file", metavar="FILE", help="the request's body; - reads it from standard input")
    arguments.add_argument("--content-type", metavar="TYPE", help="default: by FILE's name, else application/json")
    arguments.add_argument("--accept", metavar="TYPE", default="application/json", help="default: %(default)s")
    arguments.add_argument("--url", metavar="URL", help="default: http://127.0.0.1:PORT, with PORT of do/config")
    options = cli.parse(arguments)
    file = Path(options.file) if options.file else example.request_file()
    url = options.url or f"http://127.0.0.1:{settings.load()['PORT']}"
    environment.enter_verbs()  # before standard input is read: the verb starts anew there
    content_type = options.content_type or CONTENT_TYPES.get(file.suffix.lower(), CONTENT_TYPES[".json"])
    return report(send(url, read(file), content_type, options.accept))


def read(file: Path) -> bytes:
    """A file's content, or standard input's for `-`. Raises VerbError for a file that can't be read."""
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise VerbError(f"can't read {file}: {error.strerror}", ExitCode.MISSING_FILE) from None


def send(url: str, body: bytes, content_type: str, accept: str) -> httpx.Response:
    """The server's answer. Raises VerbError when there is none."""
    import httpx  # in do/.venv only

    from lib import client

    with client.connect(url) as connection:
        try:
            return connection.post(
                "/invocations", content=body, headers={"Content-Type": content_type, "Accept": accept}
            )
        except httpx.ConnectError:
            raise client.nothing_listens(url) from None
        except httpx.TransportError as error:
            raise VerbError(f"no answer from {url}: {error or type(error).__name__}", ExitCode.FAILED) from None


def report(response: httpx.Response) -> int:
    """Print the answer as it came; say what the server found wrong where it refused. Raises VerbError."""
    if response.status_code != 200:
        raise VerbError(f"the server answered {response.status_code}: {message_of(response)}", ExitCode.FAILED)
    sys.stdout.buffer.write(response.content)
    if sys.stdout.isatty():
        print()
    return ExitCode.OK


def message_of(response: httpx.Response) -> str:
    """The message of an error answer; the start of its body where it isn't in this project's form."""
    try:
        error = json.loads(response.content)["error"]
        return f"{error['message']} (code {error['code']}, request {error['request_id']})"
    except (ValueError, KeyError, TypeError):
        return " ".join(response.text[:200].split()) or "(no text)"
