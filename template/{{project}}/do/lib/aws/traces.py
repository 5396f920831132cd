"""What an endpoint leaves behind for some minutes: SageMaker removes it as the endpoint's role, which must stay.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteEndpoint.html
"""

from __future__ import annotations

from lib import config
from lib.aws import policies, roles, waiting
from lib.aws.client import AwsClient

PATIENCE = 900.0  # seconds
OWNER = "sagemaker"  # in the description of the network interfaces that SageMaker manages


def wait_until_gone(aws: AwsClient) -> None:
    """Wait for the network interfaces and the grants on KMS_KEY. Raises VerbError where they stay, or can't be seen."""
    configuration = config.load()
    if configuration.get("VPC_SUBNETS") or configuration.get("KMS_KEY"):
        waiting.until(
            lambda: [*_interfaces(aws), *_grants(aws)],
            lambda left: not left,
            lambda left: f"SageMaker still removes {', '.join(left)}" if left else "SageMaker has removed the rest",
            PATIENCE,
        )


def _interfaces(aws: AwsClient) -> list[str]:
    configuration = config.load()
    if not configuration.get("VPC_SUBNETS"):
        return []
    filters = [
        {"Name": "subnet-id", "Values": configuration["VPC_SUBNETS"].split(",")},
        {"Name": "group-id", "Values": configuration["VPC_SECURITY_GROUPS"].split(",")},
    ]
    found = aws.pages("ec2", "DescribeNetworkInterfaces", "NetworkInterfaces", Filters=filters)
    return [row["NetworkInterfaceId"] for row in found if OWNER in row.get("Description", "").lower()]


def _grants(aws: AwsClient) -> list[str]:
    key = policies.Values(aws)["KMS_KEY"]
    if not key:
        return []
    found = aws.pages("kms", "ListGrants", "Grants", KeyId=key, GranteePrincipal=roles.arn(aws, "sagemaker"))
    return [f"grant {row['GrantId'][:8]}" for row in found]
