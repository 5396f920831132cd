"""How DJL Serving is started, with its handler for Hugging Face transformers: https://docs.djl.ai/master/docs/serving"""

from __future__ import annotations

from collections.abc import Mapping

from serving import java_properties
from serving.launch import Launch
from serving.options import Options

NAME = "djl-serving"
MODEL = "option.model_id"
REVISION = "option.revision"
HANDLER = {"engine": "Python", "option.entryPoint": "djl_python.huggingface", "option.rolling_batch": "disable"}


def overrides(environment: Mapping[str, str]) -> Options:
    """The options that the environment sets."""
    return java_properties.overrides("SM_DJL_", environment)


def command(launch: Launch) -> list[str]:
    """The command line; the options are in a file beside which the server looks for the model."""
    entries = {**HANDLER, **java_properties.timeouts(launch), MODEL: launch.model, **launch.options}
    return ["djl-serving", "--models", f"model=file://{java_properties.written(entries, launch)}"]


def environment(launch: Launch) -> dict[str, str]:
    """What it needs in its environment."""
    return java_properties.server_environment(launch)
