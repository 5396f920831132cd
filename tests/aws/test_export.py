"""do/export writes what do/deploy sends, as a template that CloudFormation takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cfnlint
import pytest
import yaml

from tests.aws.conftest import Make, push, tags_of
from tests.aws.replays import bring
from tests.aws.service.account import ID, REGION, Account
from tests.exhaustive import exhaustive

Row = dict[str, Any]

# the pseudo-parameters in the account of the tests
HERE = {"AWS::AccountId": ID, "AWS::Partition": "aws", "AWS::Region": REGION, "AWS::URLSuffix": "amazonaws.com"}
# the resource of each call, with the parameters that CloudFormation has elsewhere or names itself
RESOURCES = {
    "sagemaker:CreateModel": ("AWS::SageMaker::Model", {"ModelName"}),
    "sagemaker:CreateEndpointConfig": ("AWS::SageMaker::EndpointConfig", {"EndpointConfigName"}),
    "sagemaker:CreateEndpoint": ("AWS::SageMaker::Endpoint", set()),
    "sagemaker:CreateInferenceComponent": ("AWS::SageMaker::InferenceComponent", set()),
    "application-autoscaling:RegisterScalableTarget": ("AWS::ApplicationAutoScaling::ScalableTarget", set()),
    "application-autoscaling:PutScalingPolicy": (
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        {"ServiceNamespace", "ResourceId", "ScalableDimension"},  # ScalingTargetId has them
    ),
    "cloudwatch:PutMetricAlarm": ("AWS::CloudWatch::Alarm", {"AlarmName"}),
}
# what a template says beside the calls that create: how updates go, and what a policy belongs to
BESIDE = {"DeploymentConfig", "RetainAllVariantProperties", "ExcludeRetainedVariantProperties", "ScalingTargetId"}

PROJECTS: list[Row] = [
    {"settings": {"MAX_INSTANCES": "3", "TAGS": "team=pricing"}},
    {"deploy_target": "async", "settings": {"MIN_INSTANCES": "0", "MAX_INSTANCES": "2"}},
    {"deploy_target": "serverless", "settings": {"PROVISIONED_CONCURRENCY": "1"}},
    {"deploy_target": "inference_components", "settings": {"MAX_COPIES": "2", "MAX_INSTANCES": "2"}},
]


class Stack:
    """A template as CloudFormation would create it in the account of the tests."""

    def __init__(self, text: str, image_uri: str) -> None:
        self.template = yaml.safe_load(text)
        given = {name: row.get("Default") for name, row in self.template["Parameters"].items()}
        self.values = {**HERE, **given, "ImageUri": image_uri}
        self.names: dict[str, str] = {}  # those that CloudFormation would make up, by resource and attribute

    def of_type(self, kind: str) -> Iterator[Row]:
        """The properties of each resource of a type, without references."""
        for name, resource in self.template["Resources"].items():
            if resource["Type"] == kind:
                yield {"": name, **self.resolved(resource["Properties"])}

    def resolved(self, value: Any) -> Any:
        """A value as CloudFormation would make it."""
        if isinstance(value, list):
            return [self.resolved(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "Ref" in value:
            return self.values.get(value["Ref"]) or self.names.get(value["Ref"], f"a {value['Ref']}")
        if "Fn::GetAtt" in value:
            resource, attribute = value["Fn::GetAtt"]
            if attribute == "Arn":
                role = self.template["Resources"][resource]["Properties"]["RoleName"]
                return f"arn:aws:iam::{ID}:role/{role}"
            return self.names.get(f"{resource}.{attribute}", f"a {resource}")
        if "Fn::Sub" in value:
            filled = re.sub(r"\$\{([\w:]+)\}", lambda name: str(self.values[name[1]]), value["Fn::Sub"])
            return filled.replace("${!", "${")
        return {key: self.resolved(item) for key, item in value.items()}


def without(row: Row, names: set[str]) -> Row:
    return {key: value for key, value in row.items() if key not in names | BESIDE | {""}}


@pytest.mark.parametrize("answers", PROJECTS, ids=lambda answers: answers.get("deploy_target", "realtime"))
def test_a_stack_makes_what_do_deploy_makes(make: Make, aws: Account, answers: Row) -> None:
    project = make(**answers)
    (project.path / "model" / "model.pkl").write_bytes(b"model")
    push(project, aws)
    before = len(aws.calls)
    exported = project.verb("export", "cloudformation", "--account", ID)
    assert exported.returncode == 0, exported.stderr
    assert len(aws.calls) == before
    assert project.verb("deploy").returncode == 0

    (model,) = aws.called("sagemaker:CreateModel")
    (config,) = aws.called("sagemaker:CreateEndpointConfig")
    stack = Stack(exported.stdout, model["PrimaryContainer"]["Image"])
    stack.names = {
        "Model.ModelName": model["ModelName"],
        "EndpointConfig.EndpointConfigName": config["EndpointConfigName"],
        "Endpoint.EndpointName": "my-model",
    }
    of_updates = {f"{config['EndpointConfigName']}-{watched}" for watched in ("errors", "latency")}
    for operation, (kind, elsewhere) in RESOURCES.items():
        sent = [without(call, elsewhere) for call in aws.called(operation) if call.get("AlarmName") not in of_updates]
        written = [
            without(row, elsewhere) for row in stack.of_type(kind) if row[""] not in ("ErrorsAlarm", "LatencyAlarm")
        ]
        if operation == "cloudwatch:PutMetricAlarm":  # whose action is an ARN that autoscaling makes up
            sent, written = (
                [{**row, "AlarmActions": len(row["AlarmActions"])} for row in rows] for rows in (sent, written)
            )
        assert written == sent, operation
    (role,) = [row for row in stack.of_type("AWS::IAM::Role") if row[""] == "SagemakerRole"]
    (made,) = aws.called("iam:CreateRole")
    assert role["AssumeRolePolicyDocument"] == json.loads(made["AssumeRolePolicyDocument"])
    assert {row["PolicyName"]: row["PolicyDocument"] for row in role["Policies"]} == {
        row["PolicyName"]: json.loads(row["PolicyDocument"]) for row in aws.called("iam:PutRolePolicy")
    }
    for group in stack.of_type("AWS::Logs::LogGroup"):
        if "codebuild" not in group["LogGroupName"]:
            made = aws.called("logs:CreateLogGroup")[0]
            assert {row["Key"]: row["Value"] for row in group["Tags"]} == made["tags"]
    assert not re.search(r"^ *[\w:-]+: [&*]id", exported.stdout, re.MULTILINE)  # CloudFormation takes no aliases


# moto has no such bucket policies and build projects, and says so: cfn-lint holds these to AWS's schema
@pytest.mark.filterwarnings("ignore:Tried to parse AWS.*not supported by moto")
def test_cloudformation_makes_storage_first_and_then_what_serves(make: Make, aws: Account) -> None:
    project = make()
    (project.path / "model" / "model.pkl").write_bytes(b"model")
    exported = project.verb("export", "cloudformation", "--account", ID)
    stack = {
        "StackName": "my-stack",
        "TemplateBody": json.dumps(yaml.safe_load(exported.stdout)),
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }
    cloudformation, sagemaker = aws.client("cloudformation"), aws.client("sagemaker")

    cloudformation.create_stack(**stack)

    (repository,) = aws.client("ecr").describe_repositories()["repositories"]
    (bucket,) = aws.client("s3").list_buckets()["Buckets"]
    of_bucket = {
        row["Key"]: row["Value"] for row in aws.client("s3").get_bucket_tagging(Bucket=bucket["Name"])["TagSet"]
    }
    assert repository["repositoryName"] == "my-model"
    assert of_bucket.items() >= {row["Key"]: row["Value"] for row in tags_of("my-model")}.items()
    groups = {group["logGroupName"] for group in aws.client("logs").describe_log_groups()["logGroups"]}
    assert groups == {"/aws/codebuild/my-model", "/aws/sagemaker/Endpoints/my-model"}
    assert {role["RoleName"] for role in aws.client("iam").list_roles()["Roles"]} == {
        "my-model-codebuild-use1",
        "my-model-sagemaker-use1",
    }
    assert sagemaker.list_models()["Models"] == []

    image = f"{repository['repositoryUri']}@sha256:{'0' * 64}"
    # what is kept is not made again
    cloudformation.delete_stack(StackName="my-stack")
    given = {"ImageUri": image, "StorageExists": "true"}
    parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
    cloudformation.create_stack(**stack, Parameters=parameters)

    (model,) = sagemaker.list_models()["Models"]
    assert sagemaker.describe_model(ModelName=model["ModelName"])["PrimaryContainer"]["Image"] == image
    (config,) = sagemaker.list_endpoint_configs()["EndpointConfigs"]
    (endpoint,) = sagemaker.list_endpoints()["Endpoints"]  # moto gives it a name of its own
    described = sagemaker.describe_endpoint(EndpointName=endpoint["EndpointName"])
    assert described["EndpointConfigName"] == config["EndpointConfigName"]


@pytest.mark.parametrize("target", ["realtime", "inference_components"])
def test_the_verbs_leave_the_endpoint_of_a_stack_alone(make: Make, aws: Account, target: str) -> None:
    project = make(deploy_target=target)
    (project.path / "model" / "model.pkl").write_bytes(b"model")
    push(project, aws)
    bring(project, "deploy")
    # CloudFormation's own tag, which nobody else can set:
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
    aws.endpoints.tags[aws.endpoints.endpoints["my-model"].arn]["aws:cloudformation:stack-name"] = "my-stack"
    project.set(STARTUP_TIMEOUT="700")
    aws.calls.clear()

    for command in (["deploy"], ["rollback"], ["clean", "--aws", "--yes"]):
        refused = project.verb(*command)
        assert refused.returncode != 0
        assert "my-model belongs to the CloudFormation stack my-stack: " in refused.stderr
    assert aws.changes() == []


REGIONS = ["us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1"]
# By AWS's registry of resource types, which cfn-lint has
LACKING = {"inference_components": {"cn-north-1", "us-gov-west-1"}}


@exhaustive
@pytest.mark.parametrize("answers", PROJECTS, ids=lambda answers: answers.get("deploy_target", "realtime"))
def test_cfn_lint_finds_nothing_wrong(make: Make, aws: Account, answers: Row, tmp_path: Path) -> None:
    project = make(**answers)
    (project.path / "model" / "model.pkl").write_bytes(b"model")
    push(project, aws)
    file = tmp_path / "template.yaml"
    assert project.verb("export", "cloudformation", "--account", ID, "--output", str(file)).returncode == 0

    lacking = LACKING.get(answers.get("deploy_target", "realtime"), set())
    found = cfnlint.lint_file(file, config={"regions": [region for region in REGIONS if region not in lacking]})

    assert [str(match) for match in found if match.rule.id.startswith("E")] == []


@pytest.mark.parametrize(
    ("target", "why"), [("batch", "this project has no endpoint"), ("hyperpod", "CloudFormation can't make what")]
)
def test_a_project_whose_target_is_no_endpoint_of_sagemakers_has_no_template(make: Make, target: str, why: str) -> None:
    refused = make(deploy_target=target).verb("export", "cloudformation")

    assert refused.returncode == 3
    assert why in refused.stderr
