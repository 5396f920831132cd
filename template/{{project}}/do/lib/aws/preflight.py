"""What has to be there before a deployment: looked at first, so that it fails in seconds and not after minutes."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Mapping, Set
from typing import Any

from lib import config
from lib.aws import image_platform, names, repository, roles
from lib.aws.client import AwsClient
from lib.aws.errors import AwsError
from lib.aws.redaction import redacted
from lib.cli import ROOT, ExitCode, VerbError, say
from lib.image import images
from lib.target import capacity

SAGEMAKER = "sagemaker.amazonaws.com"
SERIOUS = ("CRITICAL", "HIGH")  # of ECR's severities
DENIED = {"AccessDenied", "AccessDeniedException"}


def image_uri(aws: AwsClient) -> str:
    """The image of the project as it is now, by its digest in ECR. Raises VerbError where it isn't there."""
    wanted = images.name()
    tag = wanted.partition(":")[2]
    found = aws.find("ecr", "DescribeImages", repositoryName=names.project(), imageIds=[{"imageTag": tag}])
    if not found:
        raise VerbError(f"{wanted} is not in ECR: run {_push()}", ExitCode.MISSING_FILE)
    image = found["imageDetails"][0]
    if image.get("imageManifestMediaType", image_platform.DOCKER_MANIFEST) != image_platform.DOCKER_MANIFEST:
        raise VerbError(
            f"{wanted} in ECR has a manifest that SageMaker refuses ({image['imageManifestMediaType']}): "
            f"remove it there, and run {_push()}",
            ExitCode.AWS_ERROR,
        )
    _require_size(wanted, image.get("imageSizeInBytes", 0))
    return f"{repository.uri(aws)}@{image['imageDigest']}"


def note_vulnerabilities(aws: AwsClient, uri: str) -> None:
    """Say how many serious vulnerabilities ECR's scan has found in an image; nothing while it has not scanned it."""
    digest = uri.partition("@")[2]
    image = {"repositoryName": names.project(), "imageId": {"imageDigest": digest}}
    try:
        found = aws.find("ecr", "DescribeImageScanFindings", **image) or {}
    except AwsError as error:
        if error.code not in DENIED:
            raise
        say("note: what the scan of the image found can't be seen here (ecr:DescribeImageScanFindings is not allowed)")
        return
    counts = found.get("imageScanFindings", {}).get("findingSeverityCounts", {})
    serious = [f"{counts[severity]} {severity.lower()}" for severity in SERIOUS if counts.get(severity)]
    if serious:
        say(
            f"note: ECR's scan found {' and '.join(serious)} vulnerabilities in the image: "
            f"aws ecr describe-image-scan-findings --repository-name {names.project()} --image-id imageDigest={digest} "
            f"--region {aws.region} lists them, {_rebuild()} builds it with patched packages"
        )


def require_platform(aws: AwsClient, uri: str) -> None:
    """Raise VerbError for an image in ECR for another processor; only say so where that can't be read."""
    machine = capacity.machine()
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
    elif found != machine.platform:
        raise VerbError(
            f"the image in ECR is for {found}, but {machine.name} needs {machine.platform}: run "
            f"aws ecr batch-delete-image --repository-name {names.project()} --image-ids imageDigest={digest} "
            f"--region {aws.region}, then {_push()}",
            ExitCode.BAD_CONFIGURATION,
        )


def role_arn(aws: AwsClient) -> str:
    """ROLE_ARN, else that of the role that do/deploy makes. Raises VerbError for a wrong one."""
    given = config.load()["ROLE_ARN"]
    if not given:
        return roles.arn(aws, "sagemaker")
    require_role(aws, given)
    return given


def require_role(aws: AwsClient, arn: str) -> None:
    """Raise VerbError unless the role exists and SageMaker can assume it; only say so if that can't be read."""
    _, partition, _, _, account, path = arn.split(":", 5)
    name = path.rpartition("/")[2]
    if (partition, account) != (aws.identity.partition, aws.identity.account):
        raise _wrong_role("it is of another account than the credentials")
    try:
        found = aws.find("iam", "GetRole", RoleName=name)
    except AwsError as error:
        if error.code not in DENIED:
            raise
        say(f"note: whether SageMaker can assume the role {name} can't be seen here (iam:GetRole is not allowed)")
        return
    if not found:
        raise _wrong_role(f"there is no role {name}")
    if found["Role"]["Arn"] != arn:
        raise _wrong_role(f"the role {name} is {redacted(found['Role']['Arn'])}")
    if not _trusts_sagemaker(found["Role"]["AssumeRolePolicyDocument"]):
        raise _wrong_role(f"the role {name} does not trust {SAGEMAKER}")


def require_quotas(aws: AwsClient, needed: Mapping[str, int]) -> None:
    """Raise VerbError if the account's quotas, by their names, don't allow as much; say so if they can't be read."""
    try:
        quotas = _quotas(aws, needed.keys())
    except AwsError as error:
        if error.code not in DENIED:
            raise
        say(
            "note: the quotas of the account can't be seen here (servicequotas:ListServiceQuotas or "
            "servicequotas:ListAWSDefaultServiceQuotas is not allowed)"
        )
        return
    for name in needed.keys() - quotas.keys():
        say(f"note: AWS lists no quota '{name}' in {aws.region}, so whether it is high enough can't be seen here")
    for name, quota in quotas.items():
        if quota < needed[name]:
            raise VerbError(
                f"the account's quota '{name}' is {quota:g} in {aws.region}, and {needed[name]} are needed: ask for "
                f"more in Service Quotas, or {capacity.quota_advice()}",
                ExitCode.MISSING_PREREQUISITE,
            )


def _quotas(aws: AwsClient, wanted: Set[str]) -> dict[str, float]:
    """The account's quotas of these names that AWS lists: the applied values, else its defaults. Raises AwsError.

    A quota without an applied value is among the defaults only:
    https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServiceQuotas.html
    """
    found: dict[str, float] = {}
    for operation in ("ListServiceQuotas", "ListAWSDefaultServiceQuotas"):
        if missing := wanted - found.keys():
            listed = aws.pages("service-quotas", operation, "Quotas", ServiceCode="sagemaker")
            found |= {row["QuotaName"]: row["Value"] for row in listed if row["QuotaName"] in missing}
    return found


def _require_size(image: str, size: int) -> None:
    """Raise VerbError for an image that is too large even compressed, as it lies in ECR: `size` in bytes."""
    if capacity.LARGEST_IMAGE and size > capacity.LARGEST_IMAGE:
        raise VerbError(
            f"{image} has {images.megabytes(size)} in ECR, and {capacity.machine().name} takes images of up to "
            f"{images.megabytes(capacity.LARGEST_IMAGE)}: take packages out of requirements.in, or run do/update "
            "--keep-version --data deploy_target=... with another target",
            ExitCode.BAD_CONFIGURATION,
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


def _wrong_role(why: str) -> VerbError:
    return VerbError(f"ROLE_ARN is wrong: {why}: run do/config set ROLE_ARN ...", ExitCode.BAD_CONFIGURATION)


def _rebuild() -> str:
    return "do/submit --rebuild" if (ROOT / "do" / "submit").exists() else "do/build --no-cache after a change"


def _push() -> str:
    return "do/submit" if (ROOT / "do" / "submit").exists() else "do/build, then do/push"
