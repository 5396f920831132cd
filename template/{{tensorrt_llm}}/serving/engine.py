"""How TensorRT-LLM is started: https://nvidia.github.io/TensorRT-LLM/commands/trtllm-serve"""

from __future__ import annotations

import json
from collections.abc import Mapping

from serving.launch import Launch
from serving.options import Options, flags, from_variables

NAME = "trtllm-serve"
MODEL = "model"
REVISION = "revision"


def overrides(environment: Mapping[str, str]) -> Options:
    """The options that the environment sets; an object in JSON is one, as in engine.yml."""
    given = from_variables("SM_TRTLLM_", environment)
    return {name: as_object(value) for name, value in given.items()}


def command(launch: Launch) -> list[str]:
    """The command line, whose options keep their underscores. Objects are for the file of its LLM API."""
    nested = {name: value for name, value in launch.options.items() if isinstance(value, dict)}
    options = {name: value for name, value in launch.options.items() if name not in nested}
    if nested:
        file = launch.run_dir / "llm_api.yml"
        file.write_text(json.dumps(nested))  # JSON is YAML
        options["extra_llm_api_options"] = str(file)
    options |= {"host": launch.host, "port": launch.port}
    return ["trtllm-serve", launch.model, *flags(options, separator="_")]


def as_object(value: object) -> object:
    """The one object in the value of a variable, else the value."""
    return json.loads(value[0]) if isinstance(value, list) and len(value) == 1 and value[0][:1] == "{" else value


def environment(launch: Launch) -> dict[str, str]:
    """Its processes talk to each other without InfiniBand, which SageMaker's instances lack."""
    return {"UCX_TLS": "tcp,self,sm", "NCCL_IB_DISABLE": "1"}
