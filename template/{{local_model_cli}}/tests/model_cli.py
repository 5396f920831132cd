"""Predict with the model in model/ through the project's handler, without a server.

Run .venv/bin/python tests/model_cli.py --file sample_model/request.json
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "code")]

from serving import codecs, service, settings  # noqa: E402
from serving.errors import ServingError  # noqa: E402
from serving.handlers.base import ModelFileMissing, UnusableModel  # noqa: E402


def main() -> int:
    arguments = argparse.ArgumentParser(description="Predict with the model in model/, without a server.")
    arguments.add_argument("--file", type=Path, required=True, help="the request's body")
    arguments.add_argument("--content-type", default=codecs.JSON, help="default: %(default)s")
    arguments.add_argument("--accept", default=codecs.JSON, help="default: %(default)s")
    arguments.add_argument("--model", type=Path, default=ROOT / "model", metavar="DIR", help="default: model/")
    options = arguments.parse_args()
    try:
        answer = predict(options.model, options.file.read_bytes(), options.content_type, options.accept)
    except (ModelFileMissing, UnusableModel, ServingError, OSError) as error:
        print(f"model_cli: {error}", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(answer)
    return 0


def predict(model_dir: Path, body: bytes, content_type: str, accept: str) -> bytes:
    """The answer's body to a request's body, as the server would give it. Raises what the handler raises."""
    handler, model = service.open_model(model_dir, settings.from_environment().output)
    content_type, accept = handler.negotiate(content_type, accept)
    return handler.respond(handler.predict(model, handler.receive(body, content_type, accept)), accept)[0]


if __name__ == "__main__":
    sys.exit(main())
