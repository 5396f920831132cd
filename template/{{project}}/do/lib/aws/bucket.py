"""The project's bucket in S3: private, encrypted, reached over TLS only. It holds sources to build and models."""

from __future__ import annotations

import json

from lib.aws import names, policies
from lib.aws.client import AwsClient
from lib.aws.errors import AwsError
from lib.cli import ExitCode, VerbError

PRIVATE = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
ENCRYPTED = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
# S3's own region takes no constraint
FIRST_REGION = "us-east-1"


def ensure(aws: AwsClient) -> str:
    """The bucket's name; made first, and set up anew each time. Raises VerbError where it is somebody else's."""
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
    if found and json.loads(found["Policy"]) == policy:
        return
    aws.change("s3", "PutPublicAccessBlock", Bucket=name, PublicAccessBlockConfiguration=PRIVATE)
    aws.change("s3", "PutBucketEncryption", Bucket=name, ServerSideEncryptionConfiguration=ENCRYPTED)
    aws.change("s3", "PutBucketVersioning", Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    # last: its presence says that the rest was done
    aws.change("s3", "PutBucketPolicy", Bucket=name, Policy=json.dumps(policy))
