"""How do/upload keeps the model in S3: packed into one file, which SageMaker unpacks."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lib.aws import archive
from lib.aws.client import AwsClient
from lib.cli import say
from lib.image import images


def upload(aws: AwsClient, bucket: str) -> str:
    """Pack what is in model/ and put it into the bucket, unless it is there; its URL. Raises VerbError."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tar.gz"
        archive.write(file)
        say(f"the model is {images.megabytes(file.stat().st_size)} when packed")
        return archive.upload(aws, file, bucket)
