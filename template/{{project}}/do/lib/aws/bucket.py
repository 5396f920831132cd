"""The project's bucket in S3: private, encrypted, reached over TLS only. It holds sources to build and models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from lib.aws import names, policies
from lib.aws.client import AwsClient
from lib.aws.errors import AwsError
from lib.aws.plan import Step
from lib.cli import ExitCode, VerbError
from lib.target.endpoint_config import KEPT_IN_BUCKET

PRIVATE = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
ENCRYPTED = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
# in days: parts of uploads that were given up, sources that were built, what was overwritten or deleted
LIFECYCLE: dict[str, list[dict[str, Any]]] = {
    "Rules": [
        {
            "ID": "mcc-template: parts of uploads",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        },
        {
            "ID": "mcc-template: sources",
            "Status": "Enabled",
            "Filter": {"Prefix": "source/"},
            "Expiration": {"Days": 30},
        },
        {
            "ID": "mcc-template: old versions",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
        },
    ]
}
LIFECYCLE["Rules"] += [
    {
        "ID": f"mcc-template: {prefix}",
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "Expiration": {"Days": days},
    }
    for prefix, days in KEPT_IN_BUCKET.items()
]
# S3's own region takes no constraint
FIRST_REGION = "us-east-1"


def ensure(aws: AwsClient) -> str:
    """The bucket's name; made first, and set up again each time. Raises VerbError where it is somebody else's."""
    name = names.bucket(aws.identity.account, aws.region)
    tags: list[dict[str, str]] = []
    if exists(aws, name):
        tags = (aws.find("s3", "GetBucketTagging", Bucket=name) or {"TagSet": []})["TagSet"]
    else:
        place = {} if aws.region == FIRST_REGION else {"LocationConstraint": aws.region}
        aws.change("s3", "CreateBucket", Bucket=name, **({"CreateBucketConfiguration": place} if place else {}))
    if tags:  # one without was made by a verb that was interrupted
        names.require_ours(f"bucket {name}", tags)
    else:
        aws.change("s3", "PutBucketTagging", Bucket=name, Tagging={"TagSet": names.tag_list()})
    _set_up(aws, name)
    return name


def steps(aws: AwsClient) -> Iterator[Step]:
    """What makes the bucket, where the target needs one, and goes on where a verb was interrupted."""
    if not KEPT_IN_BUCKET:
        return
    name = names.bucket(aws.identity.account, aws.region)
    if not exists(aws, name) or not aws.find("s3", "GetBucketPolicy", Bucket=name):
        yield Step(f"create the bucket {name}", partial(ensure, aws))


def exists(aws: AwsClient, name: str) -> bool:
    """Whether the bucket is there, and this account's. Raises VerbError where it is another's."""
    try:
        return aws.find("s3", "HeadBucket", Bucket=name, ExpectedBucketOwner=aws.identity.account) is not None
    except AwsError as error:
        if error.code != "403":
            raise
        raise VerbError(
            f"the bucket {name} is another account's, or you may not see it: choose another project_name",
            ExitCode.AWS_ERROR,
        ) from None


def _set_up(aws: AwsClient, name: str) -> None:
    policy = policies.document(aws, "bucket.json")
    found = aws.find("s3", "GetBucketPolicy", Bucket=name)
    rules = (aws.find("s3", "GetBucketLifecycleConfiguration", Bucket=name) or {"Rules": []})["Rules"]
    if not {rule["ID"] for rule in LIFECYCLE["Rules"]} <= {rule.get("ID") for rule in rules}:
        theirs = [rule for rule in rules if not rule.get("ID", "").startswith("mcc-template: ")]
        lifecycle = {"Rules": [*theirs, *LIFECYCLE["Rules"]]}
        aws.change("s3", "PutBucketLifecycleConfiguration", Bucket=name, LifecycleConfiguration=lifecycle)
    if found and json.loads(found["Policy"]) == policy:
        return
    aws.change("s3", "PutPublicAccessBlock", Bucket=name, PublicAccessBlockConfiguration=PRIVATE)
    aws.change("s3", "PutBucketEncryption", Bucket=name, ServerSideEncryptionConfiguration=ENCRYPTED)
    aws.change("s3", "PutBucketVersioning", Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    # last: its presence says that the rest was done
    aws.change("s3", "PutBucketPolicy", Bucket=name, Policy=json.dumps(policy))
