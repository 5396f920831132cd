"""How SGLang is started: https://docs.sglang.io/advanced_features/server_arguments.html"""

from __future__ import annotations

from collections.abc import Mapping

from serving.launch import Launch
from serving.options import Options, flags, from_variables

NAME = "sglang"
MODEL = "model_path"
REVISION = "revision"


def overrides(environment: Mapping[str, str]) -> Options:
    """The options that the environment sets; `model` is short for `model_path`."""
    given = from_variables("SM_SGLANG_", environment)
    return {MODEL if name == "model" else name: value for name, value in given.items()}


def command(launch: Launch) -> list[str]:
    """The command line. Without a host it would listen on the loopback interface alone."""
    options = {
        "model_path": launch.model,
        "host": launch.host,
        "port": launch.port,
        "served_model_name": launch.served_name,
        **launch.options,
    }
    return ["python3", "-m", "sglang.launch_server", *flags(options)]


def environment(launch: Launch) -> dict[str, str]:
    """What it needs in its environment."""
    return {}
