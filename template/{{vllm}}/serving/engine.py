"""How vLLM is started: https://docs.vllm.ai/en/stable/cli/serve"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from serving.adapters import BASE_NAMES
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
    middleware = [word for name in middlewares(launch) for word in ("--middleware", name)]
    return ["vllm", "serve", launch.model, *flags(options, off="no-"), *middleware]


def middlewares(launch: Launch) -> list[str]:
    """What this project adds to the server, by the names of its classes."""
    adapters = ["serving.adapters.AdapterByName"] if launch.options.get("enable_lora") else []
    return ["serving.rerouting.RouteByAttribute", *adapters]


def environment(launch: Launch) -> dict[str, str]:
    """What it needs in its environment: its server gives its core 10 minutes to be ready, unless told otherwise."""
    given = os.environ.get("PYTHONPATH", "")
    needed = {
        "VLLM_ENGINE_READY_TIMEOUT_S": str(launch.startup_timeout),
        # where the server finds the middleware
        "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), given])),
    }
    return needed | (for_adapters(launch) if launch.options.get("enable_lora") else {})


def for_adapters(launch: Launch) -> dict[str, str]:
    """How the server knows its own names, and may load adapters that SageMaker brings."""
    names = launch.options.get("served_model_name", launch.served_name)
    return {
        BASE_NAMES: json.dumps(names if isinstance(names, list) else [str(names)]),
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": os.environ.get("VLLM_ALLOW_RUNTIME_LORA_UPDATING", "true"),
    }
