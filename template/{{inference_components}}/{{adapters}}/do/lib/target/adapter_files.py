"""A LoRA adapter's files: whether the engine can load them, and the archive that SageMaker takes.

The archive has the files at its root: a folder above them would hide the weights from the engine. What vLLM refuses,
and so LMI, is in its lora/peft_helper.py.
"""

from __future__ import annotations

import json
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lib import config
from lib.checks.http import reference
from lib.cli import ROOT, ExitCode, VerbError, say

CONFIG = "adapter_config.json"
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")  # the first one is taken
CLASSIFIERS = ("classifier", "score")  # the whole layers that vLLM takes with an adapter
ENDING = ".tar.gz"


def require_enabled() -> None:
    """Raise VerbError where the engine starts without adapters: SageMaker would say InService, and requests be 404."""
    if str(_options().get(_option("enable"))).lower() != "true":
        raise VerbError(
            "the engine starts without adapters: run do/update --keep-version --data enable_lora=true, build the image "
            "again and run do/deploy",
            ExitCode.BAD_CONFIGURATION,
        )


@contextmanager
def archived(source: str) -> Iterator[Path | None]:
    """An archive of the adapter in a folder or an archive here; None for a URL. Raises VerbError for any other."""
    if source.startswith("s3://"):
        if not source.endswith(ENDING):
            raise VerbError(f"{source} is no {ENDING}, which SageMaker takes only", ExitCode.BAD_CONFIGURATION)
        yield None
        return
    path = Path(source)
    if path.is_file():
        _require_loadable(_config_in_archive(path), source)
        yield path
        return
    files = [path / CONFIG, *[path / name for name in WEIGHTS if (path / name).is_file()][:1]]
    if len(files) < 2 or not files[0].is_file():
        raise _no_adapter(source)
    _require_loadable(files[0].read_bytes(), source)
    from lib.aws import archive

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"adapter{ENDING}"
        archive.write(target, files)
        yield target


def _config_in_archive(path: Path) -> bytes:
    """What adapter_config.json at the root of an archive holds. Raises VerbError for an archive without an adapter."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            members = {member.name.removeprefix("./"): member for member in archive if not member.isdir()}
            if not all(member.isfile() for member in members.values()):
                raise VerbError(f"{path} holds links, which SageMaker refuses: pack files", ExitCode.MISSING_FILE)
            if CONFIG in members and any(name in members for name in WEIGHTS):
                content = archive.extractfile(members[CONFIG])
                assert content
                return content.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise VerbError(f"{path} is no {ENDING}: {error}", ExitCode.MISSING_FILE) from None
    raise _no_adapter(str(path))


def _require_loadable(content: bytes, source: str) -> None:
    """Raise VerbError for an adapter that the engine refuses."""
    try:
        found: dict[str, Any] = json.loads(content)
        rank = max(found["r"], *(found.get("rank_pattern") or {}).values(), 1)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise VerbError(f"{CONFIG} of {source} is not one of PEFT's with a rank `r`", ExitCode.MISSING_FILE) from None
    refused = {
        f"it is {found.get('peft_type')}": found.get("peft_type", "LORA") != "LORA",
        "it is DoRA": found.get("use_dora"),
        "it has whole layers (modules_to_save)": {*(found.get("modules_to_save") or ())} - {*CLASSIFIERS},
    }
    if reason := next((text for text, is_so in refused.items() if is_so), ""):
        raise VerbError(f"the engine can't load {source}: {reason}, not LoRA alone", ExitCode.BAD_CONFIGURATION)
    largest = int(_options().get(_option("rank"), reference.load().adapters["default_rank"]))
    if rank > largest:
        option, needed = reference.load().adapters["rank"], 1 << (rank - 1).bit_length()  # vLLM takes powers of 2
        raise VerbError(
            f"{source} has rank {rank}, and the engine takes {largest} at most: set {option}: {needed} in "
            "serving/engine.yml, build the image again and run do/deploy",
            ExitCode.BAD_CONFIGURATION,
        )
    base, served = found.get("base_model_name_or_path"), config.load()["MODEL_ID"]
    if base and base != served:
        say(f"note: the adapter was trained on {base}, and the endpoint serves {served}")


def _options() -> dict[str, Any]:
    """The options that the engine starts with: those in serving/engine.yml and in CONTAINER_ENVIRONMENT."""
    sys.path.append(str(ROOT))  # `serving` is the container's, not the verbs'
    from lib.aws import requests
    from serving import engine, options, settings

    try:
        found = options.read(ROOT / "serving" / "engine.yml")
    except settings.SettingError as error:
        raise VerbError(str(error), ExitCode.BAD_CONFIGURATION) from None
    return options.overridden(found, engine.overrides(requests.container_environment()))


def _option(what: str) -> str:
    """What the engine calls an option, as `_options` spells it."""
    return str(reference.load().adapters[what]).replace("-", "_")


def _no_adapter(source: str) -> VerbError:
    return VerbError(
        f"there is no adapter in {source}: it takes {CONFIG} and {' or '.join(WEIGHTS)}, in no folder of their own",
        ExitCode.MISSING_FILE,
    )
