"""HTTP to a server of this project. Needs do/.venv."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from lib.cli import ExitCode, VerbError

# SageMaker itself waits 60 seconds for an answer
TIMEOUT = httpx.Timeout(60, connect=5)


def connect(url: str) -> httpx.Client:
    """A client for the server at this base URL. Raises VerbError for one that isn't http(s)://..."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in ("http", "https") or not re.fullmatch(r"[\w.:-]+", parsed.host):
        raise VerbError(f"{url!r} is not a URL such as http://127.0.0.1:8080", ExitCode.BAD_CONFIGURATION)
    # no proxy from the environment: it would be asked for 127.0.0.1, too
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    return httpx.Client(base_url=parsed, timeout=TIMEOUT, trust_env=False, limits=limits)


def nothing_listens(url: str) -> VerbError:
    """The error for a server that isn't there."""
    return VerbError(
        f"nothing answers at {url}: start the server in another terminal with do/serve, or name it with --url",
        ExitCode.MISSING_PREREQUISITE,
    )


@contextmanager
def listening(url: str) -> Iterator[str]:
    """The URL of a server that is there. Raises VerbError when nothing listens."""
    with connect(url) as connection:
        try:
            connection.get("/ping")
        except httpx.ConnectError:
            raise nothing_listens(url) from None
        except httpx.TransportError:
            pass  # something is there; a test of it tells what is wrong
    yield url.rstrip("/")
