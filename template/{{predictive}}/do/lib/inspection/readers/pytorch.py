"""PyTorch's archives: programs of torch.export, TorchScript, and what torch.save pickles, such as weights."""

from __future__ import annotations

import json
import zipfile
from typing import Any, BinaryIO

from .. import pickle_opcodes
from ..findings import Findings, Unreadable

FRAMEWORK = "pytorch"
# files in the folder that an archive consists of
PROGRAM, OLD_PROGRAM, SCRIPT, PICKLE = "archive_format", "serialized_exported_program.json", "constants.pkl", "data.pkl"
OLD_FORMAT = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # how torch.save began files until PyTorch 1.5: its number
TOLD_INPUTS = "extra/inputs.json"  # as the template's handler reads it
# torch/_export/serde/schema.py, ScalarType
TYPES = {
    1: "uint8",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "half",
    7: "float",
    8: "double",
    12: "bool",
    13: "bfloat16",
}


def read(name: str, file: BinaryIO) -> Findings | None:
    """The version of PyTorch that exported a program, and its inputs; which modules a pickle would import."""
    if file.read(len(OLD_FORMAT)) == OLD_FORMAT:
        return _findings("pt")
    try:
        with zipfile.ZipFile(file) as archive:
            if not _is_whole(archive):
                return None
            members = {member.partition("/")[2] or member: member for member in archive.namelist()}
            if PROGRAM in members:
                return _program(_program_of(archive, members))
            if OLD_PROGRAM in members:
                return _program(json.loads(archive.read(members[OLD_PROGRAM])))
            if SCRIPT in members:
                told = json.loads(archive.read(members[TOLD_INPUTS])) if TOLD_INPUTS in members else {}
                return _findings("pt", columns={each: str(kind[0]) for each, kind in told.items()})
            if PICKLE in members and "version" in members:
                with archive.open(members[PICKLE]) as content:
                    return _pickle(content)
    except zipfile.BadZipFile:
        return None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OSError, Unreadable):
        raise Unreadable(f"{name}: it looks like a file of PyTorch, and is damaged") from None
    return None


def _is_whole(archive: zipfile.ZipFile) -> bool:
    """Whether it begins with the file. In a program that is cut off, the last archive is that of its sample inputs."""
    return min((member.header_offset for member in archive.infolist()), default=1) == 0


def _program_of(archive: zipfile.ZipFile, members: dict[str, str]) -> dict[str, Any]:
    """The description of an archive's program. Raises KeyError for an archive without one, such as AOTInductor's."""
    path = next(
        (each for each in members if each.startswith("models/") and each.endswith(".json")), "models/model.json"
    )
    document: dict[str, Any] = json.loads(archive.read(members[path]))
    return document


def _program(document: dict[str, Any]) -> Findings:
    module = document["graph_module"]
    tensors = module["graph"]["tensor_values"]
    inputs = [each["user_input"]["arg"] for each in module["signature"]["input_specs"] if "user_input" in each]
    names = [each["as_tensor"]["name"] for each in inputs if "as_tensor" in each]
    return _findings(
        "pt2",
        version=str(document.get("torch_version", "")).partition("+")[0],  # without the build, as in 2.13.0+cpu
        columns={each: TYPES.get(tensors[each]["dtype"], "") for each in names},
    )


def _pickle(content: Any) -> Findings:
    found = pickle_opcodes.read(content)
    modules = {each.module.partition(".")[0] for each in found.globals}
    own = tuple(sorted({each.name for each in found.globals if each.module == "__main__"}))
    return _findings("pt", modules=tuple(sorted(modules - {"__builtin__", "__main__", "collections"})), own_classes=own)


def _findings(model_format: str, **more: Any) -> Findings:
    return Findings(framework=FRAMEWORK, model_format=model_format, package="torch", loaded_by="no older", **more)
