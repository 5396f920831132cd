"""llama.cpp's own HTTP server, from the wheel `xllamacpp`, with a part of llama-server's command line.

For demos and tests on machines without llama.cpp: the server is the real one, compiled into the wheel; only its command
line is read here. A word that isn't known ends it, as it does llama-server.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading

import xllamacpp  # type: ignore[import-not-found]

TEXTS = {"model": "model.path", "alias": "model_alias", "host": "hostnames", "chat-template": "chat_template"}
NUMBERS = {
    "port": "port",
    "ctx-size": "n_ctx",
    "parallel": "n_parallel",
    "batch-size": "n_batch",
    "ubatch-size": "n_ubatch",
    "cache-ram": "cache_ram_mib",
}
SWITCHES = {
    "no-ui": ("ui", False),
    "no-warmup": ("warmup", False),
    "embeddings": ("embedding", True),
    "reranking": ("embedding", True),
}
POOLING = ["none", "mean", "cls", "last", "rank"]  # in llama.cpp's order, from 0 on
SEVERAL = {"model_alias": set, "hostnames": list}  # what llama.cpp keeps several of


def main() -> int:
    """Serve until a signal comes."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        server = xllamacpp.Server(parameters(sys.argv[1:]))
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"main: server is listening on {server.listening_address}", flush=True)
    stopped.wait()
    return 0


def parameters(words: list[str]) -> xllamacpp.CommonParams:
    """What the command line says, as llama.cpp takes it. Ends the process for a word that isn't known."""
    parser = argparse.ArgumentParser("llama-server", allow_abbrev=False)
    for name in TEXTS:
        parser.add_argument(f"--{name}")
    for name in NUMBERS:
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--pooling", choices=POOLING)
    for name in SWITCHES:
        parser.add_argument(f"--{name}", action="store_true")
    given = vars(parser.parse_args(words))
    found = xllamacpp.CommonParams()
    for name, attribute in {**TEXTS, **NUMBERS}.items():
        if (content := given[name.replace("-", "_")]) is not None:
            put(found, attribute, content)
    for name, (attribute, content) in SWITCHES.items():
        if given[name.replace("-", "_")]:
            put(found, attribute, content)
    if pooling := given["pooling"] or ("rank" if given["reranking"] else ""):
        found.pooling_type = xllamacpp.llama_pooling_type(POOLING.index(pooling))
    return found


def put(found: xllamacpp.CommonParams, attribute: str, content: str | int | bool) -> None:
    """Set an attribute, or one of an attribute."""
    owner, _, name = attribute.rpartition(".")
    target = getattr(found, owner) if owner else found
    setattr(target, name, SEVERAL[attribute]([content]) if attribute in SEVERAL else content)


if __name__ == "__main__":
    sys.exit(main())
