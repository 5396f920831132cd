"""This project's image: its name, what goes into it, and the ones that were built."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib import config
from lib.cli import ROOT, ExitCode, VerbError
from lib.image.container_engine import ContainerEngine
from lib.target import capacity

TITLE = "org.opencontainers.image.title"  # the label that holds PROJECT_NAME
RECORD = ROOT / "do" / ".images"  # the names of what was built here, one a line
HASH_LENGTH = 12
BASE_IMAGE = "ARG BASE_IMAGE="  # in the Dockerfile


@dataclass(frozen=True)
class Image:
    """An image that was built."""

    name: str
    size: int  # bytes, uncompressed
    platform: str


def name() -> str:
    """PROJECT_NAME with the hash of all that goes into the image, which is the same on every machine."""
    configuration = config.load()
    total = hashlib.sha256(f"{platform()}\n".encode())
    for file in context():
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        total.update(f"{file.relative_to(ROOT).as_posix()} {digest}\n".encode())
    return f"{configuration['PROJECT_NAME']}:{total.hexdigest()[:HASH_LENGTH]}"


def platform() -> str:
    """The platform of the image, such as linux/arm64: that of what the deployment target runs it on."""
    return capacity.machine().platform


def base() -> str:
    """The image that this one is built on, as the Dockerfile names it; empty where it doesn't. Raises VerbError."""
    lines = _required("Dockerfile").read_text().splitlines()
    return next((line.removeprefix(BASE_IMAGE) for line in lines if line.startswith(BASE_IMAGE)), "")


def context() -> Iterator[Path]:
    """Dockerfile, .dockerignore and the files that it lets through, in order. Raises VerbError for a missing one."""
    yield _required("Dockerfile")
    yield _required(".dockerignore")
    yield from sorted(path for entry in included() for path in _files(entry))


def included() -> list[Path]:
    """The files and folders that .dockerignore lets through."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [ROOT / line[1:].strip() for line in lines if line.startswith("!")]


def find(engine: ContainerEngine, image: str) -> Image | None:
    """An image by its name; None where it wasn't built."""
    found = engine.inspect("image", image)
    return _described(image, found) if found else None


def require(engine: ContainerEngine) -> Image:
    """The image of the project as it is now. Raises VerbError when it wasn't built."""
    wanted = name()
    image = find(engine, wanted)
    if not image:
        what = f"{wanted} was not built"
        if built(engine):
            what += ", the files have changed since the last build"
        raise VerbError(f"{what}: run do/build", ExitCode.MISSING_FILE)
    return image


def built(engine: ContainerEngine) -> list[str]:
    """The names of all images that do/build made here and that are still there."""
    return [image for image in _recorded() if find(engine, image)]


def record(image: str) -> None:
    """Note that an image was built here."""
    RECORD.write_text("".join(f"{name}\n" for name in dict.fromkeys([*_recorded(), image])))


def megabytes(size: int) -> str:
    """Bytes as people read them."""
    return f"{size / 1e6:.0f} MB" if size < 1e9 else f"{size / 1e9:.2f} GB"


def _recorded() -> list[str]:
    return RECORD.read_text().split() if RECORD.exists() else []


def _required(name: str) -> Path:
    """A file without which there is no image. Raises VerbError where it is missing."""
    if not (ROOT / name).is_file():
        raise VerbError(f"{name} is missing: run git checkout {name}", ExitCode.MISSING_FILE)
    return ROOT / name


def _files(path: Path) -> Iterator[Path]:
    """A file, or the files in a folder that .dockerignore lets through. Raises VerbError for links."""
    if path.is_file():
        yield path
    for file in path.rglob("*") if path.is_dir() else ():
        parts = file.relative_to(path).parts
        if file.suffix in (".pyc", ".pyo") or any(part[0] == "." or part == "__pycache__" for part in parts):
            continue
        if file.is_symlink():
            link = file.relative_to(ROOT)
            raise VerbError(
                f"{link} is a link, and the image would hold it without its file: put a copy there instead, with "
                f"cp -rL {link} /tmp/copy && rm {link} && mv /tmp/copy {link}",
                ExitCode.BAD_CONFIGURATION,
            )
        if file.is_file():
            yield file


def _described(image: str, found: dict[str, Any]) -> Image:
    return Image(image, found["Size"], f"{found['Os']}/{found['Architecture']}")
