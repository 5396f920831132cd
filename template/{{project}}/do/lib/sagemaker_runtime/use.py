"""Lets requests of a verb to the endpoint go to the stand-in of do/serve --sagemaker. Needs do/.venv."""

from __future__ import annotations

import os
import socket

import boto3

from lib import config
from lib.cli import ExitCode, VerbError
from lib.sagemaker_runtime import limits
from lib.sagemaker_runtime.server import port_beside

KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}  # the stand-in looks at none


def redirect() -> str:
    """Redirect them; the URL of the stand-in. Raises VerbError if none runs."""
    if not limits.OPERATIONS:
        raise VerbError("this project has no endpoint to stand in for: use --url", ExitCode.BAD_CONFIGURATION)
    port = port_beside(int(config.load()["PORT"]))
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        raise VerbError(
            f"nothing listens on port {port}: run do/serve --sagemaker in another terminal",
            ExitCode.MISSING_PREREQUISITE,
        ) from None
    if not boto3.Session().get_credentials():
        os.environ.update(KEYS)
    os.environ["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] = f"http://127.0.0.1:{port}"
    return os.environ["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"]
