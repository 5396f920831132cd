"""The file serving.properties, from which DJL Serving and LMI take what other engines take from a command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from serving.launch import Launch
from serving.options import Options, as_text, variables
from serving.supervision import write

KNOWN = json.loads(Path(__file__).with_name("engine_options.json").read_text())["options"]
SERVER_PROPERTIES = ("engine", "job_queue_size", "batch_size", "max_batch_delay", "max_idle_time")


def overrides(prefix: str, environment: Mapping[str, str]) -> Options:
    """The options that variables set: SM_<ENGINE>_..., and OPTION_... and SERVING_... as in AWS's own images.

    Their values are taken as they are, since a property is a text; an empty one is none.
    """
    given = {
        **{f"option.{name}": value for name, value in variables("OPTION_", environment).items()},
        **{name: value for name, value in variables("SERVING_", environment).items() if name in SERVER_PROPERTIES},
        **{option(name): value for name, value in variables(prefix, environment).items()},
    }
    return {name: value for name, value in given.items() if value}


def option(name: str) -> str:
    """The property that a variable's name stands for."""
    if name in SERVER_PROPERTIES:
        return name
    return "option.model_id" if name == "model" else f"option.{name}"


def written(entries: Options, launch: Launch) -> Path:
    """Write the properties for the model into a folder of its own, and return the folder."""
    for name in entries:
        if name not in KNOWN:
            write("warning", f"{name} is no option that the server is known to have: it would pass over it in silence")
    folder = launch.run_dir / "model"
    folder.mkdir()
    lines = [f"{name}={as_text(value)}" for name, value in entries.items()]
    text = "".join(line.replace("\\", "\\\\").replace("\n", "\\n") + "\n" for line in lines)
    (folder / "serving.properties").write_text(text)
    return folder


def timeouts(launch: Launch) -> Options:
    """How long the model may take to load: as long as SageMaker waits, in place of the server's own 240 s or 1200 s."""
    return {"option.model_loading_timeout": launch.startup_timeout}


def server_environment(launch: Launch) -> dict[str, str]:
    """Where the server listens, and that it ends when the model can't be loaded."""
    address = f"http://{launch.host}:{launch.port}"
    return {
        "SERVING_INFERENCE_ADDRESS": address,
        "SERVING_MANAGEMENT_ADDRESS": address,
        "SERVING_FAIL_FAST": "true",
    }
