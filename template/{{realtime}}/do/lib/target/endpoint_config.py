"""What a real-time endpoint's configuration has besides its variant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib import config
from lib.aws.client import AwsClient
from lib.sagemaker_runtime import limits

# what is in the project's bucket because of the target, by prefix, and for how many days
KEPT_IN_BUCKET: dict[str, int] = {}
LARGEST_BODY = limits.MAX_BODY_BYTES


def parts(aws: AwsClient, model: Mapping[str, Any]) -> dict[str, Any]:
    """Where requests and answers are captured, if they are."""
    configuration = config.load()
    return {"DataCaptureConfig": _data_capture(configuration)} if int(configuration["DATA_CAPTURE_PERCENT"]) else {}


def _data_capture(configuration: Mapping[str, str]) -> dict[str, Any]:
    capture: dict[str, Any] = {
        "EnableCapture": True,
        "InitialSamplingPercentage": int(configuration["DATA_CAPTURE_PERCENT"]),
        "DestinationS3Uri": configuration["DATA_CAPTURE_URL"],
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {
            "CsvContentTypes": ["text/csv"],
            "JsonContentTypes": ["application/json", "application/jsonlines"],
        },
    }
    return capture | ({"KmsKeyId": configuration["KMS_KEY"]} if configuration["KMS_KEY"] else {})
