"""How LMI is started: https://docs.djl.ai/master/docs/serving/serving/docs/lmi"""

from __future__ import annotations

from collections.abc import Mapping

from serving import java_properties
from serving.launch import Launch
from serving.options import Options

NAME = "djl-serving"
MODEL = "option.model_id"
REVISION = "option.revision"
# vLLM in the way that LMI recommends since version 17
HANDLER = {
    "engine": "Python",
    "option.entryPoint": "djl_python.lmi_vllm.vllm_async_service",
    "option.async_mode": True,
    "option.rolling_batch": "disable",
    "option.tensor_parallel_degree": "max",
}


def overrides(environment: Mapping[str, str]) -> Options:
    """The options that the environment sets."""
    return java_properties.overrides("SM_LMI_", environment)


def command(launch: Launch) -> list[str]:
    """The command line; the options are in a file beside which the server looks for the model."""
    entries = {
        **HANDLER,
        **java_properties.timeouts(launch),
        MODEL: launch.model,
        "option.served_model_name": launch.served_name,
        **launch.options,
    }
    return ["djl-serving", "--models", f"model=file://{java_properties.written(entries, launch)}"]


def environment(launch: Launch) -> dict[str, str]:
    """What it needs in its environment."""
    return java_properties.server_environment(launch)
