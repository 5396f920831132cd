"""Keras's own formats: the .keras archive of Keras 3, and the HDF5 file of Keras 2."""

from __future__ import annotations

import json
import os
import re
import struct
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from ..findings import Findings, Unreadable

FRAMEWORK = "tensorflow"
HDF5 = b"\x89HDF\r\n\x1a\n"
# HDF5's file format specification 3.0: where a superblock tells the end of the file, by its version
END_OF_FILE = {0: 40, 1: 44, 2: 28, 3: 28}
# Behind an attribute's name: a text of variable length (class 9), that stands alone; then its length, and the address
# and number of the object in a global heap that holds it.
TEXT = re.compile(rb"\0+\x19\x01.\0\x10\0\0\0.{16}.\0.{6}(.{4})(.{8})(.{4})", re.DOTALL)
HEAP = b"GCOL"
HEAD = 1 << 24  # bytes in which the attributes of the file's root are looked for
OWN = ("keras", "tensorflow", "builtins")  # where a configuration's classes come from


def read(name: str, file: BinaryIO) -> Findings | None:
    """The version of Keras that saved it, and the modules of custom layers."""
    if file.read(len(HDF5)) == HDF5:
        return _hdf5(name, file)
    file.seek(0)
    return _archive(file)


def _archive(file: BinaryIO) -> Findings | None:
    try:
        with zipfile.ZipFile(file) as archive:
            metadata = json.loads(archive.read("metadata.json"))
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError):
        return None
    return _findings("keras", metadata.get("keras_version", ""), config)


def _hdf5(name: str, file: BinaryIO) -> Findings | None:
    file.seek(0)
    head = file.read(HEAD)
    if b"model_config\0" not in head and b"keras_version\0" not in head:
        return None
    try:
        if struct.unpack_from("<Q", head, END_OF_FILE[head[8]])[0] > file.seek(0, os.SEEK_END):
            raise ValueError("cut off")
        version, config = (_attribute(file, head, each) for each in (b"keras_version", b"model_config"))
        return _findings("h5", version, json.loads(config or "null"))
    except (ValueError, KeyError, IndexError, struct.error):
        raise Unreadable(f"{name}: it begins like a model of Keras, and is cut off or damaged") from None


def _attribute(file: BinaryIO, head: bytes, name: bytes) -> str:
    """The text of an attribute; empty where the file has none. Raises ValueError and struct.error."""
    at = head.find(name + b"\0")
    if at < 0 or not (found := TEXT.match(head, at + len(name))):
        return ""
    length, address, wanted = (int.from_bytes(part, "little") for part in found.groups())
    file.seek(address)
    if file.read(16)[:4] != HEAP:
        raise ValueError("no heap")
    while True:
        number, _, size = struct.unpack("<HH4xQ", file.read(16))
        if number == wanted:
            return file.read(length).decode()
        if number == 0:
            raise ValueError("not in the heap")
        file.seek(-size % 8 + size, os.SEEK_CUR)


def _findings(model_format: str, version: str, config: Any) -> Findings:
    modules = {module.partition(".")[0] for module in _values(config, "module")}
    names = {*_values(config, "class_name"), *_values(config, "registered_name")}
    return Findings(
        framework=FRAMEWORK,
        model_format=model_format,
        package="keras",
        version=version,
        modules=tuple(sorted(modules - {*OWN})),
        own_classes=tuple(sorted(each for each in names if ">" in each)),  # `package>Name` is registered by the owner
    )


def _values(config: Any, key: str) -> Iterator[str]:
    """The texts that stand for this key anywhere in a configuration."""
    if isinstance(config, dict):
        if isinstance(config.get(key), str):
            yield config[key]
        config = list(config.values())
    if isinstance(config, list):
        for value in config:
            yield from _values(value, key)
