"""What an engine is started with: the model, its options and its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from serving import model_folder
from serving.options import Options, overridden, read
from serving.settings import SettingError, Settings

OPTIONS_FILE = Path(__file__).with_name("engine.yml")
TEMPLATE = ".jinja"  # the ending of a chat template; one without a folder is beside engine.yml
# the model is mounted read-only, and the root volume is small
CACHES = {
    "HF_HOME": "/tmp/huggingface",
    "XDG_CACHE_HOME": "/tmp/cache",
    "VLLM_CACHE_ROOT": "/tmp/cache/vllm",
    "TRITON_CACHE_DIR": "/tmp/cache/triton",
    "TORCHINDUCTOR_CACHE_DIR": "/tmp/cache/inductor",
    "FLASHINFER_WORKSPACE_BASE": "/tmp/cache/flashinfer",
    "DJL_CACHE_DIR": "/tmp/cache/djl",
}
DEFAULTS = CACHES | {
    "HF_XET_HIGH_PERFORMANCE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}


class Engine(Protocol):
    """What `engine.py` says of the project's engine."""

    NAME: str
    MODEL: str  # its options for a model and for the revision of one
    REVISION: str  # empty where it has none

    def overrides(self, environment: Mapping[str, str]) -> Options: ...

    def command(self, launch: Launch) -> list[str]: ...

    def environment(self, launch: Launch) -> dict[str, str]: ...


@dataclass(frozen=True)
class Launch:
    """What an engine's command line is made from."""

    model: str  # a folder, or the name of a model on the Hugging Face Hub
    served_name: str  # what callers may call it
    options: Options  # all but the model
    host: str
    port: int
    run_dir: Path  # for files that the engine reads; gone when the server ends
    stop_timeout: int  # seconds
    startup_timeout: int  # seconds

    @property
    def from_hub(self) -> bool:
        """Whether the engine has to download the model."""
        return not self.model.startswith("/")


def prepare(
    engine: Engine,
    settings: Settings,
    host: str,
    port: int,
    run_dir: Path,
    environment: Mapping[str, str] = os.environ,
) -> Launch:
    """Find the model and the options. Raises SettingError for what can't be used, FileNotFoundError without a model."""
    options = overridden(read(OPTIONS_FILE), engine.overrides(environment))
    if any(name.endswith("hf_token") for name in options):
        raise SettingError("the token is no option, which everyone could read: name a secret in HF_TOKEN_SECRET")
    on_hub = environment.get("HF_MODEL_ID", "")
    model = str(options.pop(engine.MODEL, "") or mounted(settings.model_dir) or on_hub)
    if not model:
        raise FileNotFoundError(
            f"there is no model: mount one at {settings.model_dir}, or name one of the Hugging Face Hub in HF_MODEL_ID"
        )
    if model.startswith("/") and not Path(model).exists():
        raise FileNotFoundError(f"there is no model in {model}: name a folder that holds one")
    if model == on_hub and (revision := environment.get("HF_REVISION")):
        if not engine.REVISION:
            raise SettingError(
                f"HF_REVISION={revision}, but {engine.NAME} downloads what is newest: keep the files in S3 instead"
            )
        options.setdefault(engine.REVISION, revision)
    options = {name: with_template(name, value) for name, value in options.items()}
    return Launch(model, on_hub or model, options, host, port, run_dir, settings.stop_timeout, settings.startup_timeout)


def with_template(name: str, value: object) -> object:
    """An option's value, with the path of a chat template. Raises FileNotFoundError without one there."""
    if not isinstance(value, str) or not value.endswith(TEMPLATE):
        return value
    template = OPTIONS_FILE.parent / value
    if not template.is_file():
        raise FileNotFoundError(f"there is no {template}, which {name} names: put the chat template there")
    return str(template)


def mounted(model_dir: Path) -> str | None:
    """The model that SageMaker has mounted, if any. Raises Unreadable."""
    return str(model_dir) if model_folder.visible(model_dir) else None


def environment_for(
    engine: Engine, launch: Launch, token: str, given: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The engine's environment: caches where it may write, and the token for the Hub."""
    offline = {} if launch.from_hub else {"HF_HUB_OFFLINE": "1"}
    return {
        **DEFAULTS,
        **offline,
        **given,
        **engine.environment(launch),
        **({"HF_TOKEN": token} if token else {}),
    }
