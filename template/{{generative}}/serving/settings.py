"""Settings of the entrypoint, read once from the environment (the names and defaults are listed in the README)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class SettingError(Exception):
    """Something that can't be served as it is set; the text is one line for whoever set it."""


@dataclass(frozen=True)
class Settings:
    """What can be set from outside beside the engine's options; every field is filled by `from_environment`."""

    model_dir: Path  # SM_MODEL_DIR: where SageMaker mounts the model, read-only
    port: int  # SAGEMAKER_BIND_TO_PORT
    stop_timeout: int  # SERVING_STOP_TIMEOUT: seconds for requests in flight; SageMaker kills after 30
    startup_timeout: int  # SERVING_STARTUP_TIMEOUT: seconds until the model has to answer; SageMaker allows 3600
    access_log: bool  # SERVING_ACCESS_LOG: one line for each request, of nginx where it stands in front
    token: str  # HF_TOKEN: the Hugging Face token itself, for use on a developer's machine
    token_secret: str  # HF_TOKEN_SECRET: name or ARN of the Secrets Manager secret that holds the token


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings that the environment asks for. Raises SettingError for a value that makes no sense."""
    return Settings(
        model_dir=Path(environment.get("SM_MODEL_DIR") or "/opt/ml/model"),
        port=integer("SAGEMAKER_BIND_TO_PORT", 8080, 65535, environment),
        stop_timeout=integer("SERVING_STOP_TIMEOUT", 25, 3600, environment),
        startup_timeout=integer("SERVING_STARTUP_TIMEOUT", 3600, 3600, environment),
        access_log=boolean("SERVING_ACCESS_LOG", True, environment),
        token=environment.get("HF_TOKEN", ""),
        token_secret=environment.get("HF_TOKEN_SECRET", ""),
    )


def integer(name: str, default: int, most: int, environment: Mapping[str, str]) -> int:
    """A whole number from 1; an empty variable counts as unset. Raises SettingError."""
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
        raise SettingError(f"{name}={text!r} is not a whole number from 1 to {most}")
    return int(text)


def boolean(name: str, default: bool, environment: Mapping[str, str]) -> bool:
    """True or false; an empty variable counts as unset. Raises SettingError."""
    text = (environment.get(name) or str(default)).lower()
    if text not in ("true", "false"):
        raise SettingError(f"{name}={text!r} is not one of true, false")
    return text == "true"
