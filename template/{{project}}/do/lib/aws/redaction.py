"""Keeps account numbers out of what the verbs print: logs and plans are passed on."""

from __future__ import annotations

import re

# in an ARN (arn:aws:iam::123456789012:role/x), in the name of a registry (123456789012.dkr.ecr...), or alone; but
# not the tag of an image, a hash that may have digits only
ACCOUNT = re.compile(r"(?<!\d)\d{12}(?=:|\.dkr\.)|(?<![\w:-])\d{12}(?![\w-])")


def redacted(text: str) -> str:
    """The text with `ACCOUNT` in place of account numbers."""
    return ACCOUNT.sub("ACCOUNT", text)
