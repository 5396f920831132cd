"""A HyperPod cluster: what the operator is asked for, with the real kubectl, and how a deployment goes or fails.

The API server and the operator are tests/aws/kubernetes; the schema that it validates with is the operator's own.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.aws.conftest import Make, OnCluster, Project, failure, succeed
from tests.aws.kubernetes.api import CONFIGS, REGISTRATIONS, TOKEN, Api, Pod
from tests.aws.kubernetes.operator import Eks, Operator, failed
from tests.aws.runtime import Runtime
from tests.aws.service.account import Account
from tests.aws.test_benchmark import QUICK
from tests.verbs.conftest import refusal, train
from tests.verbs.contract_server import RightServer, running

Cluster = Operator


@pytest.fixture
def cluster(api: Api, aws: Account) -> Cluster:
    """A HyperPod cluster with the inference operator."""
    operator = Operator(api, aws)
    aws.add(operator, Eks(api))
    return operator


@pytest.fixture
def on_cluster(cluster: Cluster, on_cluster: OnCluster) -> OnCluster:
    """As for any cluster, with the name of this one."""
    return partial(on_cluster, HYPERPOD_CLUSTER="ml-cluster")


@pytest.fixture
def project(make: Make, on_cluster: OnCluster) -> Project:
    """A project whose image is in ECR."""
    made = make(deploy_target="hyperpod")
    (made.path / "model" / "model.pkl").write_bytes(b"model")
    return on_cluster(made)


@pytest.fixture
def deployed(project: Project) -> Project:
    """One whose endpoint is InService."""
    succeed(project, "deploy")
    return project


def served(api: Api, namespace: str = "default") -> dict[str, Any]:
    """The specification in the cluster."""
    return dict(api.objects[CONFIGS, namespace, "my-model"]["spec"])


# what is deployed


def test_the_operator_is_asked_for_a_pod_that_keeps_the_contract(aws: Account, api: Api, project: Project) -> None:
    succeed(project, "deploy")

    spec = served(api)
    (image,) = aws.client("ecr").describe_images(repositoryName="my-model")["imageDetails"]
    assert spec["worker"]["image"] == f"123456789012.dkr.ecr.us-east-1.amazonaws.com/my-model@{image['imageDigest']}"
    assert spec["endpointName"] == spec["modelName"] == "my-model"
    assert spec["instanceType"] == "ml.m5.large"
    assert spec["worker"]["modelInvocationPort"] == {"containerPort": 8080, "name": "http"}
    assert spec["worker"]["resources"] == {"requests": {"cpu": "1", "memory": "1024Mi"}}
    assert spec["worker"]["probes"]["startupProbe"]["failureThreshold"] == 60
    assert spec["invocationEndpoint"] == "invocations"
    assert spec["loadBalancer"]["healthCheckPath"] == "/ping"
    assert "autoScalingSpec" not in spec
    assert spec["replicas"] == 1


def test_a_model_in_the_image_is_not_hidden_by_the_volume_that_the_operator_insists_on(
    api: Api, deployed: Project
) -> None:
    spec = served(api)

    assert spec["modelSourceConfig"] == {"modelSourceType": "kubernetesVolume", "prefetchEnabled": False}
    assert spec["kubernetes"]["volumes"] == [{"name": "model", "emptyDir": {}}]
    assert spec["worker"]["modelVolumeMount"] == {"name": "model", "mountPath": "/opt/ml/no-model"}


def test_the_cluster_mounts_a_models_files_from_s3(aws: Account, api: Api, make: Make, on_cluster: OnCluster) -> None:
    project = make(deploy_target="hyperpod", model_source="s3")
    (project.path / "model").mkdir(exist_ok=True)
    (project.path / "model" / "model.pkl").write_bytes(b"model")
    on_cluster(project)
    succeed(project, "upload")
    (bucket,) = aws.client("s3").list_buckets()["Buckets"]
    (uploaded,) = aws.client("s3").list_objects_v2(Bucket=bucket["Name"])["Contents"]

    succeed(project, "deploy")

    prefix, _, name = uploaded["Key"].rpartition("/")
    assert name == "model.pkl"
    assert served(api)["modelSourceConfig"] == {
        "modelSourceType": "s3",
        "s3Storage": {"bucketName": bucket["Name"], "region": "us-east-1"},
        "modelLocation": prefix,
        "prefetchEnabled": False,
    }
    assert served(api)["worker"]["modelVolumeMount"]["mountPath"] == "/opt/ml/model"


def test_an_archive_is_refused_because_nobody_would_unpack_it(aws: Account, make: Make, on_cluster: OnCluster) -> None:
    project = on_cluster(make(deploy_target="hyperpod", model_source="s3"))
    aws.client("s3").create_bucket(Bucket="their-bucket")
    aws.client("s3").put_object(Bucket="their-bucket", Key="model.tar.gz", Body=b"")
    project.set(MODEL_DATA_URL="s3://their-bucket/model.tar.gz")

    assert refusal(project.verb("deploy"), 3).startswith(
        "do/deploy: HyperPod mounts the files of a model as they are, and unpacks no archive: run do/upload"
    )


GENERATIVE = {
    "deploy_target": "hyperpod",
    "model_kind": "generative",
    "model_server": "vllm",
    "model_id": "Qwen/Qwen3-4B",
    "instance_type": "ml.g5.12xlarge",
}


def test_a_language_model_has_gpus_and_comes_from_the_hub(
    api: Api, cluster: Cluster, make: Make, on_cluster: OnCluster
) -> None:
    project = on_cluster(make(**GENERATIVE, model_revision="a" * 40))
    project.set(HF_TOKEN_KUBERNETES_SECRET="hf-token/token", MAX_COPIES="3", COPY_ACCELERATORS="4")
    cluster.cluster["InstanceGroups"][0]["InstanceType"] = "ml.g5.12xlarge"  # type: ignore[index]

    succeed(project, "deploy")

    spec = served(api)
    assert spec["modelSourceConfig"]["huggingFaceModel"] == {
        "modelId": "Qwen/Qwen3-4B",
        "commitSHA": "a" * 40,
        "tokenSecretRef": {"name": "hf-token", "key": "token"},
    }
    resources = spec["worker"]["resources"]
    assert resources["limits"] == {"nvidia.com/gpu": 4}
    assert resources["requests"]["nvidia.com/gpu"] == 4
    trigger = spec["autoScalingSpec"]["cloudWatchTrigger"]
    assert (spec["autoScalingSpec"]["minReplicaCount"], spec["autoScalingSpec"]["maxReplicaCount"]) == (1, 3)
    assert (trigger["metricName"], trigger["targetValue"]) == ("Invocations", 30)
    assert {"name": "VariantName", "value": "AllTraffic"} in trigger["dimensions"]


def test_a_branch_of_the_hub_is_refused(make: Make, on_cluster: OnCluster) -> None:
    project = on_cluster(make(**GENERATIVE, model_revision="main"))

    assert "HyperPod takes a commit of 40 letters from the Hub, not MODEL_REVISION=main" in refusal(
        project.verb("deploy"), 3
    )


def test_other_instance_types_are_taken_in_order(api: Api, project: Project) -> None:
    project.set(OTHER_INSTANCE_TYPES="ml.m5.xlarge,ml.c5.large")

    succeed(project, "deploy")

    assert served(api)["instanceTypes"] == ["ml.m5.large", "ml.m5.xlarge", "ml.c5.large"]
    assert "instanceType" not in served(api)


def test_a_dry_run_prints_the_manifest_and_changes_nothing(aws: Account, api: Api, project: Project) -> None:
    printed = succeed(project, "deploy", "--dry-run")

    first, _, manifest = printed.partition("\n")
    assert first == "would run kubectl apply --filename - --namespace default"
    assert json.loads(manifest)["spec"]["endpointName"] == "my-model"
    assert "123456789012" not in printed
    assert (api.requests, aws.changes()) == ([], [])


def test_a_second_deployment_changes_nothing(api: Api, deployed: Project) -> None:
    before = len(api.requests)

    assert "nothing to change" in succeed(deployed, "deploy")
    assert len(api.requests) == before


# how it goes


def test_the_kubeconfig_is_a_file_of_its_own_without_a_secret(tmp_path: Path, project: Project) -> None:
    home = tmp_path / "home"
    home.mkdir()

    succeed(project, "deploy", HOME=str(home))

    (file,) = (project.programs / "cache" / "mcc-template" / "kubeconfig").iterdir()
    assert TOKEN not in file.read_text()
    assert not (home / ".kube" / "config").exists()
    asked = (project.programs / "aws.log").read_text().splitlines()[0]
    assert asked == "--region us-east-1 eks get-token --cluster-name ml-eks --output json"


def test_a_deployment_waits_for_the_version_that_it_applied(api: Api, cluster: Cluster, deployed: Project) -> None:
    """The operator's state is that of the version before, until it has seen the change."""
    cluster.end("DeploymentFailed", failed("Crash", "the new version crashes"))
    deployed.set(COPY_MEMORY_MB="2048")

    assert "the new version crashes" in failure(deployed, "deploy", 4)


def test_an_operator_that_does_not_say_what_it_saw_is_believed_when_the_state_moves(
    cluster: Cluster, deployed: Project
) -> None:
    cluster.says_what_it_saw = False
    cluster.end("DeploymentFailed", failed("Crash", "the new version crashes"))
    deployed.set(COPY_MEMORY_MB="2048")

    assert "the new version crashes" in failure(deployed, "deploy", 4)


def test_an_interrupted_deployment_goes_on(api: Api, cluster: Cluster, project: Project) -> None:
    cluster.end("DeploymentInProgress")
    process = project.start("deploy")
    while (CONFIGS, "default", "my-model") not in api.objects:
        assert process.poll() is None, process.stderr and process.stderr.read()
    process.kill()
    process.communicate()
    (found,) = (row for key, row in api.objects.items() if key[0] == CONFIGS)
    before = len(api.requests)
    cluster.end("DeploymentComplete")
    cluster._seen.clear()

    done = project.verb("deploy")

    assert done.returncode == 0, done.stderr
    assert "to do: wait for the InferenceEndpointConfig my-model" in done.stderr
    assert len(api.requests) == before
    assert found["status"]["state"] == "DeploymentComplete"


def test_the_whole_life(aws: Account, api: Api, cluster: Cluster, project: Project) -> None:
    """Deploy, ask, look, change, roll back, and leave nothing behind."""
    assert "my-model is InService on the cluster ml-cluster" in succeed(project, "deploy")
    train(project.path)
    with running(Runtime(RightServer())) as url:
        project.variables["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] = url
        assert "predictions" in succeed(project, "invoke", "--endpoint", stdin='{"instances": [[1, 2, 3]]}')
        succeed(project, "benchmark", "--endpoint", "--connections", "2", *QUICK)
        assert json.loads((project.path / "result.json").read_text())["cases"][0]["problems"] == {}
    status = succeed(project, "status")
    assert "InferenceEndpointConfig  my-model  DeploymentComplete, 1 of 1 copies ready" in status
    api.pods = {"my-model-1": Pod("my-model", '{"message": "serving"}\n'), "other": Pod("other", "not ours\n")}
    api.pods["of-another-application"] = Pod("my-model", "not ours either\n", "nginx:1")
    assert succeed(project, "logs", "--endpoint") == '{"message": "serving"}\n'
    first = served(api)

    project.set(COPY_MEMORY_MB="2048")
    succeed(project, "deploy")
    assert served(api)["worker"]["resources"]["requests"]["memory"] == "2048Mi"
    assert "serves my-model@sha256:" in succeed(project, "rollback")
    assert served(api) == first
    succeed(project, "rollback")
    assert served(api)["worker"]["resources"]["requests"]["memory"] == "2048Mi"

    assert "removed" in succeed(project, "clean", "--aws", "--yes")
    assert api.objects == {}
    assert cluster.endpoint is None
    assert "has nothing" not in succeed(project, "status")  # the image repository is still there


def test_a_rollback_goes_past_a_version_that_failed(api: Api, cluster: Cluster, deployed: Project) -> None:
    first = served(api)
    cluster.end("DeploymentFailed", failed("Crash", "it crashes"))
    for memory in ("2048", "3072"):
        deployed.set(COPY_MEMORY_MB=memory)
        assert "do/rollback goes back to what was served before" in failure(deployed, "deploy", 4)
    assert "run do/rollback, or change a setting" in failure(deployed, "deploy", 4)
    cluster.end("DeploymentComplete")

    succeed(deployed, "rollback")

    assert served(api) == first


def test_a_first_version_has_nothing_before_it(deployed: Project) -> None:
    assert "my-model has served nothing else before: run do/deploy" in refusal(deployed.verb("rollback"), 5)


def test_what_failed_at_first_is_made_again(api: Api, cluster: Cluster, project: Project) -> None:
    cluster.end("DeploymentFailed", failed("Crash", "it crashes"))
    failure(project, "deploy", 4)
    cluster.end("DeploymentComplete")

    succeed(project, "deploy")

    assert [method for method, _ in api.requests] == ["POST", "DELETE", "POST"]


# what goes wrong


@pytest.mark.parametrize(
    ("reason", "message", "cause"),
    [
        ("FailedScheduling", "0/4 nodes are available: 4 Insufficient memory", "no instance of the type has room"),
        ("ImagePullBackOff", "Back-off pulling image", "the instances can't pull the image from ECR"),
        ("Error", "AssumeRoleWithWebIdentity: 403", "the trust policy of the operator's role"),
        ("FailedMount", "MountVolume.SetUp failed", "the cluster can't mount the model"),
    ],
)
def test_a_failed_condition_is_named_with_its_likely_cause(
    cluster: Cluster, project: Project, reason: str, message: str, cause: str
) -> None:
    cluster.end("DeploymentFailed", failed(reason, message))

    line = failure(project, "deploy", 4)

    assert f"DeploymentFailed: {reason}: {message}; likely {cause}" in line


def test_what_the_server_says_in_its_log_explains_a_failure(api: Api, cluster: Cluster, project: Project) -> None:
    cluster.end("DeploymentFailed", failed("Crash", "it crashes"))
    api.pods = {"my-model-1": Pod("my-model", "error: the model needs numpy 3\n")}

    assert "the server says: the model needs numpy 3" in failure(project, "deploy", 4)


def test_an_endpoint_that_sagemaker_can_not_make_is_told(cluster: Cluster, project: Project) -> None:
    cluster.endpoint_status, cluster.endpoint_reason = "Failed", "the certificate is missing"

    line = failure(project, "deploy", 4)

    assert "the pods run, but the endpoint is Failed: the certificate is missing; likely the operator can't" in line


def test_a_cluster_without_the_operator_is_one_line(api: Api, project: Project) -> None:
    api.installed = False

    assert refusal(project.verb("deploy"), 2).startswith(
        "do/deploy: the HyperPod inference operator is not installed in the cluster: ask its administrator for the EKS"
    )


def test_a_webhook_that_does_not_answer_is_named(api: Api, project: Project) -> None:
    api.webhook_is_missing = True

    assert "the operator's webhook doesn't answer: check the pods in the namespaces" in failure(project, "deploy", 4)


def test_who_may_not_deploy_is_told_who_can_help(api: Api, project: Project) -> None:
    api.forbidden = {"POST"}

    line = failure(project, "deploy", 4)

    assert "your access entry doesn't allow that in the namespace default: ask the cluster's administrator" in line


def test_a_namespace_that_is_not_there_is_one_line(api: Api, project: Project) -> None:
    project.set(KUBERNETES_NAMESPACE="team-b")

    assert "there is no namespace team-b: run kubectl create namespace team-b" in failure(project, "deploy", 3)


def test_a_field_that_the_operator_does_not_know_is_named(api: Api, project: Project) -> None:
    file = project.path / "do" / "lib" / "target" / "manifest.py"
    file.write_text(file.read_text().replace('"replicas": least', '"replica": least'))

    assert "the manifest is wrong: spec.replica is unknown" in refusal(project.verb("deploy"), 3)
    fields = project.path / "do" / "lib" / "target" / "fields.yml"
    fields.write_text(fields.read_text().replace("replicas:", "replica:"))
    line = failure(project, "deploy", 4)
    assert "has another version than the project expects: run do/update" in line
    assert 'unknown field "spec.replica"' in line
    assert api.objects == {}


@pytest.mark.parametrize(
    ("change", "code", "why"),
    [
        ({"Orchestrator": {}}, 3, "the HyperPod cluster ml-cluster is not orchestrated by EKS"),
        ({"ClusterStatus": "Creating"}, 2, "the HyperPod cluster ml-cluster is Creating"),
        ({"InstanceGroups": []}, 3, "no instance group of the HyperPod cluster has ml.m5.large (it has none)"),
        ({"ClusterName": "another"}, 3, "there is no HyperPod cluster ml-cluster in us-east-1"),
    ],
)
def test_a_cluster_that_can_not_run_the_model_is_refused_before_kubectl(
    api: Api, cluster: Cluster, project: Project, change: dict[str, Any], code: int, why: str
) -> None:
    assert cluster.cluster
    cluster.cluster |= change

    assert why in refusal(project.verb("deploy"), code)
    assert not (project.programs / "aws.log").exists()


def test_flexible_instance_groups_are_understood(cluster: Cluster, project: Project) -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ClusterInstanceGroupDetails.html"""
    assert cluster.cluster
    details = [{"InstanceType": name, "CurrentCount": 0} for name in ("ml.g5.xlarge", "ml.m5.large")]
    cluster.cluster["InstanceGroups"] = [{"InstanceGroupName": "any", "InstanceTypeDetails": details}]

    done = project.verb("deploy")

    assert done.returncode == 0, done.stderr
    assert "note: the cluster has no instance of ml.m5.large at the moment" in done.stderr


@pytest.mark.parametrize("program", ["kubectl", "aws"])
def test_a_missing_program_is_one_line(project: Project, program: str) -> None:
    (project.programs / program).unlink()
    path = f"{project.programs}:{Path(sys.executable).parent}"

    assert f"do/deploy: {program} is not installed: install it, see https://" in refusal(
        project.verb("deploy", PATH=path), 2
    )


def test_no_cluster_is_one_line(project: Project) -> None:
    project.set(HYPERPOD_CLUSTER="")

    assert refusal(project.verb("deploy"), 3).startswith("do/deploy: HYPERPOD_CLUSTER is empty: run do/config set")
    succeed(project, "status")


# whose it is


def test_somebody_elses_object_is_neither_changed_nor_removed(api: Api, deployed: Project) -> None:
    api.objects[CONFIGS, "default", "my-model"]["metadata"]["labels"]["mcc-template/id"] = "another"
    before = len(api.requests)

    assert "belongs to another project of this name" in refusal(deployed.verb("deploy"), 4)
    deployed.set(COPY_MEMORY_MB="2048")
    assert "belongs to another project of this name" in refusal(deployed.verb("rollback"), 4)
    succeed(deployed, "clean", "--aws", "--yes")
    assert len(api.requests) == before


def test_an_endpoint_of_another_target_is_in_the_way(make: Make, project: Project) -> None:
    other = make("other", project_name="my-model")
    (other.path / "model" / "model.pkl").write_bytes(b"model")
    succeed(other, "deploy")

    assert "there is an endpoint my-model already" in refusal(project.verb("deploy"), 4)


def test_another_target_leaves_the_operators_endpoint_alone(api: Api, make: Make, deployed: Project) -> None:
    other = make("other", project_name="my-model")
    (other.path / "model" / "model.pkl").write_bytes(b"model")

    assert "was deployed with deploy_target=hyperpod, which removes it: run do/update" in refusal(
        other.verb("deploy"), 3
    )
    done = other.verb("clean", "--aws", "--yes")
    assert (
        "not removed: endpoint my-model: the endpoint my-model was deployed with deploy_target=hyperpod" in done.stderr
    )
    assert (REGISTRATIONS, "default", "my-model-registration") in api.objects


def test_the_cost_is_the_clusters(project: Project) -> None:
    printed = succeed(project, "cost")

    assert "the instances of the HyperPod cluster ml-cluster are paid for by the cluster" in printed
    assert "$" not in printed
