"""What has to be there before a deployment: looked at first, so that it fails in seconds and not after minutes."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

from lib import config, instances
from lib.aws import image_platform, names, repository, roles
from lib.aws.client import AwsClient
from lib.aws.errors import AwsError
from lib.cli import ROOT, ExitCode, VerbError, say
from lib.image import images

SAGEMAKER = "sagemaker.amazonaws.com"
DENIED = {"AccessDenied", "AccessDeniedException"}


def require_sound_settings() -> None:
    """Raise VerbError for settings that don't go together."""
    configuration = config.load()
    least, most = int(configuration["MIN_INSTANCES"]), int(configuration["MAX_INSTANCES"])
    if most < least:
        raise _wrong_setting(f"MAX_INSTANCES={most} is less than MIN_INSTANCES={least}", f"MAX_INSTANCES {least}")
    if configuration["DEPLOYMENT_STRATEGY"] == "rolling" and least < 2:
        raise _wrong_setting("DEPLOYMENT_STRATEGY=rolling needs two instances", "MIN_INSTANCES 2")
    if configuration["VPC_SUBNETS"] and not configuration["VPC_SECURITY_GROUPS"]:
        raise _wrong_setting("VPC_SUBNETS needs a security group", "VPC_SECURITY_GROUPS sg-...")
    if int(configuration["DATA_CAPTURE_PERCENT"]) and not configuration["DATA_CAPTURE_URL"]:
        raise _wrong_setting("DATA_CAPTURE_PERCENT needs a place in S3", "DATA_CAPTURE_URL s3://...")


def image_uri(aws: AwsClient) -> str:
    """The image of the project as it is now, by its digest in ECR. Raises VerbError where it isn't there."""
    wanted = images.name()
    tag = wanted.partition(":")[2]
    found = aws.find("ecr", "DescribeImages", repositoryName=names.project(), imageIds=[{"imageTag": tag}])
    if not found:
        raise VerbError(f"{wanted} is not in ECR: type {_push()}", ExitCode.MISSING_FILE)
    image = found["imageDetails"][0]
    if image.get("imageManifestMediaType", image_platform.DOCKER_MANIFEST) != image_platform.DOCKER_MANIFEST:
        raise VerbError(
            f"{wanted} in ECR has a manifest that SageMaker refuses ({image['imageManifestMediaType']}): "
            f"remove it there, and type {_push()}",
            ExitCode.AWS_ERROR,
        )
    return f"{repository.uri(aws)}@{image['imageDigest']}"


def require_platform(aws: AwsClient, uri: str) -> None:
    """Raise VerbError for an image in ECR that INSTANCE_TYPE can't run; only say so where that can't be read."""
    instance = instances.chosen()
    if not instance:
        return
    digest, why = uri.partition("@")[2], ""
    try:
        found = image_platform.of(aws, digest)
    except AwsError as error:
        if error.code not in DENIED:
            raise
        found, why = "", "ecr:BatchGetImage or ecr:GetDownloadUrlForLayer is not allowed"
    except image_platform.Unreadable as error:
        found, why = "", str(error)
    if not found:
        say(f"note: the image's platform can't be seen here ({why})")
    elif found != instance.platform:
        raise VerbError(
            f"the image in ECR is for {found}, but INSTANCE_TYPE {instance.name} needs {instance.platform}: type "
            f"aws ecr batch-delete-image --repository-name {names.project()} --image-ids imageDigest={digest} "
            f"--region {aws.region}, then {_push()}",
            ExitCode.BAD_CONFIGURATION,
        )


def role_arn(aws: AwsClient) -> str:
    """ROLE_ARN, else the role that this makes, or brings up to date with iam/. Raises VerbError for a wrong one."""
    given = config.load()["ROLE_ARN"]
    if not given:
        return roles.ensure(aws, "sagemaker")
    require_role(aws, given)
    return given


def require_role(aws: AwsClient, arn: str) -> None:
    """Raise VerbError unless the role is there and SageMaker may take it; only say so where that can't be read."""
    _, partition, _, _, account, path = arn.split(":", 5)
    name = path.rpartition("/")[2]
    if (partition, account) != (aws.identity.partition, aws.identity.account):
        raise _wrong_role("it is of another account than the credentials")
    try:
        found = aws.find("iam", "GetRole", RoleName=name)
    except AwsError as error:
        if error.code not in DENIED:
            raise
        say(f"note: whether SageMaker may take the role {name} can't be seen here (iam:GetRole is not allowed)")
        return
    if not found:
        raise _wrong_role(f"there is no role {name}")
    if not _trusts_sagemaker(found["Role"]["AssumeRolePolicyDocument"]):
        raise _wrong_role(f"the role {name} does not trust {SAGEMAKER}")


def require_quota(aws: AwsClient, instances: int) -> None:
    """Raise VerbError where so many instances are more than the account may have; say so where that can't be read."""
    instance_type = config.load()["INSTANCE_TYPE"]
    wanted = f"{instance_type} for endpoint usage"
    try:
        listed = aws.pages("service-quotas", "ListServiceQuotas", "Quotas", ServiceCode="sagemaker")
        quota = next((row["Value"] for row in listed if row["QuotaName"] == wanted), None)
    except AwsError as error:
        if error.code not in DENIED:
            raise
        say("note: the quota of the instance type can't be seen here (servicequotas:ListServiceQuotas is not allowed)")
        return
    if quota is not None and quota < instances:
        raise VerbError(
            f"{instances} of {instance_type} are needed, but the account may have {quota:g} in {aws.region}: ask for "
            f"more of '{wanted}' in Service Quotas, or type do/config set INSTANCE_TYPE with another type",
            ExitCode.MISSING_PREREQUISITE,
        )


def _trusts_sagemaker(policy: dict[str, Any] | str) -> bool:
    """Whether a trust policy names SageMaker. IAM's answers are quoted as in URLs; botocore reads them mostly."""
    document = json.loads(urllib.parse.unquote(policy)) if isinstance(policy, str) else policy
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        services = statement.get("Principal", {}).get("Service", [])
        if statement["Effect"] == "Allow" and SAGEMAKER in ([services] if isinstance(services, str) else services):
            return True
    return False


def _wrong_setting(why: str, assignment: str) -> VerbError:
    return VerbError(f"{why}: type do/config set {assignment}", ExitCode.BAD_CONFIGURATION)


def _wrong_role(why: str) -> VerbError:
    return VerbError(f"ROLE_ARN is wrong: {why}: type do/config set ROLE_ARN ...", ExitCode.BAD_CONFIGURATION)


def _push() -> str:
    return "do/submit" if (ROOT / "do" / "submit").exists() else "do/build, then do/push"
