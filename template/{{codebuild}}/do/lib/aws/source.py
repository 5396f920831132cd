"""The source that CodeBuild builds: a zip of what goes into the image, with buildspec.yml at its root."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from lib.aws import objects
from lib.aws.client import AwsClient
from lib.cli import ROOT, ExitCode, VerbError, say
from lib.image import images
from lib.model import artifacts

BUILDSPEC = ROOT / "buildspec.yml"
EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file, so that the same files make the same zip


def key(tag: str) -> str:
    """Where the source of the image with this tag lies in the bucket."""
    return f"source/{tag}.zip"


def files() -> Iterator[Path]:
    """What is in the zip. Raises VerbError for what is missing."""
    if not BUILDSPEC.is_file():
        raise VerbError("buildspec.yml is missing: run git checkout buildspec.yml", ExitCode.MISSING_FILE)
    yield BUILDSPEC
    yield from images.context()


def require() -> None:
    """Raise VerbError unless all is there that goes into the zip."""
    if artifacts.are_built_in():
        artifacts.require(artifacts.MODEL_DIR)
    for _ in files():
        pass


def write(target: Path) -> None:
    """Write the zip. Raises VerbError if something is missing."""
    require()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files():
            entry = zipfile.ZipInfo(file.relative_to(ROOT).as_posix(), EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = file.stat().st_mode << 16
            with file.open("rb") as content, archive.open(entry, "w", force_zip64=True) as packed:
                while block := content.read(1 << 20):
                    packed.write(block)


def upload(aws: AwsClient, file: Path, bucket: str, tag: str) -> str:
    """Put the zip into the bucket; its version there (empty where nothing is changed)."""
    say(f"uploading the source, {images.megabytes(file.stat().st_size)}")
    return objects.put(aws, bucket, key(tag), file)
