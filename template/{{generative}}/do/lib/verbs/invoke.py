"""do/invoke: ask the model something and print its answer as it comes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lib import cli, config
from lib.checks.http import reference
from lib.cli import ExitCode, VerbError
from lib.local import environment

EPILOG = """\
Sends a request of the project's task. A chat or a completion is streamed: words are printed as the model generates
them. Embeddings take several texts, reranking a query and its documents, and the response is printed as it is.

examples:
  do/invoke "Why is the sky blue?"
  do/invoke --completion --max-tokens 20 "Once upon a time"
  do/invoke --image photo.jpg "What is this?"     for task=vision
  do/invoke --audio speech.wav             for task=transcription
  do/invoke "a query" "a document" "another document"     for task=rerank
  do/invoke --file request.json            your own request; prints the raw response
  do/invoke --endpoint                     the endpoint that do/deploy created"""
PROMPT = "In one sentence: what are you?"
JSON = "application/json"
EVENTS = "text/event-stream"


def main() -> int:
    arguments = cli.parser("Send a prompt to the model and stream its response.", EPILOG)
    arguments.add_argument("texts", nargs="*", metavar="TEXT", default=[PROMPT], help=f'default: "{PROMPT}"')
    arguments.add_argument("--completion", action="store_true", help="let the model complete TEXT, not answer it")
    arguments.add_argument(
        "--max-tokens", type=int, metavar="N", default=256, help="maximum tokens; default: %(default)s"
    )
    arguments.add_argument("--image", action="append", default=[], metavar="FILE", help="an image for the message")
    arguments.add_argument("--audio", metavar="FILE", help="a recording to transcribe")
    arguments.add_argument("--file", metavar="FILE", help="a JSON request to send instead; - reads standard input")
    server = arguments.add_mutually_exclusive_group()
    server.add_argument("--url", metavar="URL", help="default: http://127.0.0.1:PORT, with PORT of do/config")
    server.add_argument("--endpoint", action="store_true", help="use the endpoint in AWS")
    if reference.load().adapters:
        arguments.add_argument("--adapter", metavar="NAME", help="an adapter on the endpoint, see do/adapter")
    options = cli.parse(arguments)
    addressed = addressee(options)
    url = options.url or f"http://127.0.0.1:{config.load()['PORT']}"
    environment.enter_verbs()  # before standard input is read: the verb starts again there
    body, headers = request(options)
    return write(from_endpoint(body, headers, addressed) if options.endpoint else from_server(url, body, headers))


def addressee(options: argparse.Namespace) -> dict[str, str]:
    """What names an adapter in a request to the endpoint; nothing for the model itself. Raises VerbError."""
    name = getattr(options, "adapter", None)
    if not name:
        return {}
    if not options.endpoint:
        raise VerbError("--adapter is for the endpoint: add --endpoint", ExitCode.BAD_CONFIGURATION)
    from lib.aws import names

    return {"InferenceComponentName": names.adapter(name)}


def request(options: argparse.Namespace) -> tuple[bytes, dict[str, str]]:
    """The body and headers of a request. Raises VerbError for one that this engine doesn't take."""
    from lib.checks.http import samples
    from lib.target import answers

    api = reference.load()
    stream = answers.STREAMS or not options.endpoint
    text = " ".join(options.texts)
    if options.file:
        return read(options.file), {}
    require_taken(options, api)
    if "transcriptions" in api.takes:
        form, content_type = samples.form(api.model, read(options.audio), Path(options.audio).name)
        return form, {"Content-Type": content_type}
    if "embeddings" in api.takes:
        return encoded(api.embedding(options.texts)), {}
    if "rerank" in api.takes:
        return encoded(api.ranking(options.texts[0], options.texts[1:])), {}
    if options.completion or (not api.chat and api.completions):
        return encoded(api.completion(text, options.max_tokens, stream=stream)), api.completion_headers
    if not api.chat:
        return encoded(api.generation(text, options.max_tokens)), {}
    body = api.conversation(text, options.max_tokens, stream=stream)
    if options.image:
        images = [samples.as_part(read(name), name) for name in options.image]
        body["messages"][0]["content"] = [{"type": "text", "text": text}, *images]
    return encoded(body), {}


def require_taken(options: argparse.Namespace, api: Any) -> None:
    """Raise VerbError for a request that the engine doesn't take, or that lacks something."""
    missing = {
        f"{api.server} takes no completions through POST /invocations": options.completion and not api.completions,
        f"task={api.task} takes no images": options.image and "images" not in api.takes,
        f"task={api.task} takes no recordings": options.audio and "transcriptions" not in api.takes,
        "name a recording with --audio": "transcriptions" in api.takes and not options.audio,
        "give a query and at least one document": "rerank" in api.takes and len(options.texts) < 2,
    }
    if problem := next((text for text, is_so in missing.items() if is_so), ""):
        raise VerbError(problem, ExitCode.BAD_CONFIGURATION)


def encoded(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


def read(name: str) -> bytes:
    """A file's content, or standard input's for `-`. Raises VerbError for a file that can't be read."""
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise VerbError(f"can't read {name}: {error.strerror}", ExitCode.MISSING_FILE) from None


def write(texts: Iterable[str]) -> int:
    """Print an answer as it comes."""
    for text in texts:
        sys.stdout.write(text)
        sys.stdout.flush()
    print()
    return ExitCode.OK


def from_server(url: str, body: bytes, headers: dict[str, str]) -> Iterator[str]:
    """The texts of a server's answer as they come. Raises VerbError when there is none, or a refusal."""
    import httpx  # in do/.venv only

    from lib.local import probe

    with probe.connect(url) as connection:
        try:
            headers = {"Content-Type": JSON, **headers}
            with connection.stream("POST", "/invocations", content=body, headers=headers) as response:
                if response.status_code != 200:
                    response.read()
                    raise refused(response.status_code, response.text)
                yield from texts(response.headers.get("content-type", ""), response.iter_bytes())
        except httpx.ConnectError:
            raise probe.nothing_listens(url) from None
        except httpx.TransportError as error:
            raise VerbError(f"no answer from {url}: {error or type(error).__name__}", ExitCode.FAILED) from None


def from_endpoint(body: bytes, headers: dict[str, str], addressed: dict[str, str]) -> Iterator[str]:
    """The texts of the endpoint's answer as they come. Raises VerbError when there is none, or a refusal."""
    from lib.aws import invocation
    from lib.target import answers

    sent = {"Content-Type": JSON, **headers}
    parameters = addressed | {invocation.PARAMETERS[name.lower()]: value for name, value in sent.items()}
    try:
        pieces, answer = answers.stream(invocation.connect(), Body=body, **parameters)
    except invocation.Refused as refusal:
        raise refused(refusal.status, refusal.body.decode(errors="replace")) from None
    yield from texts(answer.get("ContentType", ""), pieces)


def texts(content_type: str, pieces: Iterable[bytes]) -> Iterator[str]:
    """What an answer says: the texts in the events of a stream, else all of it. Raises VerbError for an error there."""
    if not content_type.startswith(EVENTS):
        yield b"".join(pieces).decode()
        return
    for line in lines(pieces):
        data = line.removeprefix("data:").strip()
        if line.startswith("data:") and data != "[DONE]":
            yield piece(json.loads(data))


def lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """The lines of a stream, each as soon as it is there: a piece may end anywhere."""
    rest = b""
    for part in pieces:
        *whole, rest = (rest + part).split(b"\n")
        yield from (line.decode() for line in whole)
    yield rest.decode()


def refused(status: int, text: str) -> VerbError:
    """The error for a refusal."""
    return VerbError(f"the server answered {status}: {message_of(text)}", ExitCode.FAILED)


def piece(event: dict[str, Any]) -> str:
    """The text in an event of a stream: of a chat, what the model thinks included, or of a completion."""
    if "error" in event:
        raise VerbError(f"the stream broke off: {message_of(json.dumps(event))}", ExitCode.FAILED)
    choice = (event.get("choices") or [{}])[0]
    delta = choice.get("delta") or {}
    texts = (delta.get("reasoning"), delta.get("reasoning_content"), delta.get("content"), choice.get("text"))
    return "".join(text for text in texts if text)


def message_of(text: str) -> str:
    """The message of an error; the start of the text where it isn't in a form that engines use."""
    try:
        document = json.loads(text)
        return str(document.get("error", document)["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return " ".join(text[:200].split()) or "(no text)"
