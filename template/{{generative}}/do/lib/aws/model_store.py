"""How do/upload keeps the model in S3: each file as it is."""

from __future__ import annotations

from lib.aws.model_files import upload

__all__ = ["upload"]
