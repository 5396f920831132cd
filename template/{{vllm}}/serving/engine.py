"""How vLLM is started: https://docs.vllm.ai/en/stable/cli/serve"""

from __future__ import annotations

from collections.abc import Mapping

from serving.launch import Launch
from serving.options import Options, as_text, flags, from_variables

NAME = "vllm"
MODEL = "model"
REVISION = "revision"
JSON_LISTS = ("allowed_origins", "allowed_methods", "allowed_headers", "middleware")  # one word, not one a value


def overrides(environment: Mapping[str, str]) -> Options:
    """The options that the environment sets."""
    return from_variables("SM_VLLM_", environment)


def command(launch: Launch) -> list[str]:
    """The command line."""
    options = {
        "host": launch.host,
        "port": launch.port,
        "served_model_name": launch.served_name,
        # without it, requests in flight can hang when the server stops (vLLM has it since 0.18); the rest of the time
        # is for its own end
        "shutdown_timeout": max(1, launch.stop_timeout - 5),
        **launch.options,
    }
    options |= {name: as_text(value) for name, value in options.items() if name in JSON_LISTS}
    return ["vllm", "serve", launch.model, *flags(options, off="no-")]


def environment(launch: Launch) -> dict[str, str]:
    """What it needs in its environment."""
    return {}
