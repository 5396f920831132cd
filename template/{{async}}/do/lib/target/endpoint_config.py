"""What an asynchronous endpoint's configuration has besides its variant: where the answers go.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AsyncInferenceConfig.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib import config
from lib.aws import names
from lib.aws.client import AwsClient

# what is in the project's bucket because of the target, by prefix, and for how many days
KEPT_IN_BUCKET = {"async/": 30}
LARGEST_BODY = 25 * 2**20  # bytes that are worth a check: SageMaker takes up to 1 GB, the container MAX_BODY_MB
INPUTS, OUTPUTS, FAILURES = "async/input/", "async/output/", "async/failure/"
# the setting of each topic, and what SageMaker calls it
TOPICS = {"SUCCESS_TOPIC": "SuccessTopic", "ERROR_TOPIC": "ErrorTopic"}


def parts(aws: AwsClient, model: Mapping[str, Any]) -> dict[str, Any]:
    """Where answers and failures go, who hears of them, and how many requests an instance gets at once."""
    configuration = config.load()
    output: dict[str, Any] = {"S3OutputPath": url(aws, OUTPUTS), "S3FailurePath": url(aws, FAILURES)}
    if topics := {name: configuration[key] for key, name in TOPICS.items() if configuration[key]}:
        output["NotificationConfig"] = topics
    content: dict[str, Any] = {"OutputConfig": output}
    if most := int(configuration["MAX_CONCURRENT_INVOCATIONS"]):
        content["ClientConfig"] = {"MaxConcurrentInvocationsPerInstance": most}
    return {"AsyncInferenceConfig": content}


def url(aws: AwsClient, key: str) -> str:
    """A place in the project's bucket."""
    return f"s3://{names.bucket(aws.identity.account, aws.region)}/{key}"
