"""How do/upload keeps the model in S3: packed into one file, if the deployment target unpacks it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lib import target
from lib.aws import archive, model_files
from lib.aws.client import AwsClient
from lib.cli import say
from lib.image import images


def upload(aws: AwsClient, bucket: str) -> str:
    """Put what is in model/ into the bucket, unless it is there; its URL. Raises VerbError."""
    if not target.UNPACKS_MODELS:
        return model_files.upload(aws, bucket)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tar.gz"
        archive.write(file)
        say(f"the model is {images.megabytes(file.stat().st_size)} when packed")
        return archive.upload(aws, file, bucket)
