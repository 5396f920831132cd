"""How llama.cpp is started: https://github.com/ggml-org/llama.cpp/tree/master/tools/server"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from serving.launch import Launch
from serving.options import Options, flags, from_variables
from serving.settings import SettingError

NAME = "llama-server"
MODEL = "model"
REVISION = ""  # it downloads what is newest
LATER_PART = re.compile(r"-(?!00001)\d{5}-of-\d{5}\.gguf\Z")  # it finds those of a split model by itself
PROJECTOR = "mmproj"  # the beginning of the name of a file that reads pictures, beside the model's


def overrides(environment: Mapping[str, str]) -> Options:
    """The options that the environment sets."""
    return from_variables("SM_LLAMA_CPP_", environment)


def command(launch: Launch) -> list[str]:
    """The command line. It has no pages for people: the endpoint answers programs."""
    source = {"hf-repo": launch.model} if launch.from_hub else {"model": str(gguf(Path(launch.model)))}
    own = {"alias": launch.served_name, "host": launch.host, "port": launch.port, "no_ui": True}
    return ["llama-server", *flags({**source, **own, **launch.options}, off="no-")]


def gguf(model: Path) -> Path:
    """The one model in a folder, or the file itself. Raises SettingError if there is none, or more than one."""
    if model.is_file():
        return model
    files = [path for path in sorted(model.rglob("*.gguf")) if not LATER_PART.search(path.name)]
    models = [path for path in files if not path.name.startswith(PROJECTOR)]
    if len(models) != 1:
        found = ", ".join(path.name for path in models) or "none"
        raise SettingError(f"{model} should hold one model as .gguf, and holds {found}: name one in SM_LLAMA_CPP_MODEL")
    return models[0]


def environment(launch: Launch) -> dict[str, str]:
    """What it needs in its environment."""
    return {"LLAMA_CACHE": "/tmp/cache/llama.cpp"}
