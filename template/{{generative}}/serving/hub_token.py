"""The Hugging Face token, fetched from AWS Secrets Manager by the name of its secret; it stays in memory."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

PACKAGES = Path(__file__).parent.parent / "packages"  # boto3, apart from the engine's own packages


class TokenUnavailable(Exception):
    """The secret can't be read; the text is one line with the reason and what to do."""


def fetch(secret: str) -> str:
    """The token in a secret, by its name or ARN: its text, or the one value of its JSON. Raises TokenUnavailable."""
    sys.path.append(str(PACKAGES))
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise TokenUnavailable(f"boto3 is missing, which reads the secret {secret}: build the image again") from None
    region = secret.split(":")[3] if secret.startswith("arn:") else os.environ.get("AWS_REGION")
    try:
        text = boto3.client("secretsmanager", region_name=region).get_secret_value(SecretId=secret)["SecretString"]
    except ClientError as error:
        raise TokenUnavailable(
            f"can't read the secret {secret}, which HF_TOKEN_SECRET names ({error.response['Error']['Code']}): "
            "create it, and allow the endpoint's role secretsmanager:GetSecretValue"
        ) from None
    except (BotoCoreError, KeyError) as error:
        raise TokenUnavailable(
            f"can't read the secret {secret}, which HF_TOKEN_SECRET names: {' '.join(str(error).split())}"
        ) from None
    finally:
        sys.path.remove(str(PACKAGES))
    return token_in(text, secret)


def token_in(text: str, secret: str) -> str:
    """The token in a secret's text. Raises TokenUnavailable if there is none."""
    try:
        values = list(json.loads(text).values()) if text.lstrip().startswith("{") else [text]
    except ValueError:
        values = []
    if len(values) != 1 or not str(values[0]).strip():
        raise TokenUnavailable(f"the secret {secret} holds no token: store the token itself as its text")
    return str(values[0]).strip()
