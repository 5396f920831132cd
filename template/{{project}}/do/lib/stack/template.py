"""The whole template, from the calls that do/deploy and do/submit would send to an empty account."""

from __future__ import annotations

import contextlib
import importlib
import io
from typing import Any

from lib import config
from lib.aws import model_data, names, policies, repository
from lib.stack import translation
from lib.stack.recording import ACCOUNT, DIGEST, PACKAGED_MODEL, REGION, Recorder
from lib.stack.translation import Stack
from lib.target import stack as target_stack

PARAMETERS: dict[str, dict[str, Any]] = {
    "ImageUri": {
        "Description": "The image by its digest (REPOSITORY@sha256:...); empty until there is one",
        "Default": "",
    },
    "StorageExists": {
        "Description": "Whether the repository, the bucket, the log groups and the build project are there already",
        "Default": "false",
        "AllowedValues": ["true", "false"],
    },
    "BucketName": {"Description": "The project's bucket; do/export --account NUMBER gives its name"},
    "ModelDataBucket": {"Description": "The bucket that the model is in"},
    "ModelDataKey": {"Description": "Where in that bucket the model is"},
    "KmsKeyArn": {"Description": "The ARN of the key that KMS_KEY of do/config names"},
}
CONDITIONS = {
    "HasImage": {"Fn::Not": [{"Fn::Equals": [{"Ref": "ImageUri"}, ""]}]},
    "MakesStorage": {"Fn::Equals": [{"Ref": "StorageExists"}, "false"]},
}


def document(account: str) -> dict[str, Any]:
    """The template; with an `account`, its parameter for the bucket has a default. Raises VerbError."""
    aws = Recorder()
    _record_storage(aws)
    target_stack.record(aws, policies.VALUES["SAGEMAKER_ROLE"](aws))
    texts = {
        f"{repository.uri(aws)}@{DIGEST}": "${ImageUri}",
        names.bucket(ACCOUNT, REGION): "${BucketName}",
    }
    defaults = {"BucketName": names.bucket(account, config.load()["AWS_REGION"])} if account else {}
    of_policy: dict[str, str] = {}
    if source := model_data.url(aws):
        bucket, _, key = source.removeprefix("s3://").partition("/")
        texts[source] = "s3://${ModelDataBucket}/${ModelDataKey}"
        of_policy = {
            f":s3:::{bucket}/{key}": ":s3:::${ModelDataBucket}/${ModelDataKey}",
            f":s3:::{bucket}": ":s3:::${ModelDataBucket}",
            f"{key}*": "${ModelDataKey}*",
        }
        if source != PACKAGED_MODEL:
            defaults |= {"ModelDataBucket": bucket, "ModelDataKey": key}
    stack = Stack(texts, {"sagemaker-model-data": of_policy})
    stack.add(aws.calls)
    return _whole(stack.resources, defaults)


def _record_storage(aws: Recorder) -> None:
    """Keep what has to be there before an image."""
    if config.load()["BUILD_WITH"] != "codebuild":
        repository.ensure(aws)
        return
    with contextlib.redirect_stderr(io.StringIO()):  # it tells a plan, which is not carried out
        importlib.import_module("lib.verbs.submit").provision(aws)  # only projects that CodeBuild builds have it


def _whole(resources: dict[str, Any], defaults: dict[str, str]) -> dict[str, Any]:
    outputs: dict[str, Any] = {
        "EndpointName": {"Condition": "HasImage", "Value": {"Fn::GetAtt": ["Endpoint", "EndpointName"]}},
        "Repository": {
            "Value": {"Fn::Sub": "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/" + names.project()}
        },
    }
    used = {"StorageExists", *translation.uses(resources)}
    parameters = {
        name: {"Type": "String", **row, **({"Default": defaults[name]} if name in defaults else {})}
        for name, row in PARAMETERS.items()
        if name in used
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"The endpoint {names.project()}, written by do/export",
        "Parameters": parameters,
        "Conditions": CONDITIONS,
        "Resources": resources,
        "Outputs": outputs,
    }
