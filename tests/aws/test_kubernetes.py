"""A Kubernetes cluster: what it is asked for, with the real kubectl, and how a deployment goes or fails.

The API server and the controller are tests/aws/kubernetes; the schemas that it validates with are Kubernetes' own.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.aws.conftest import Make, OnCluster, Project, failure, succeed
from tests.aws.kubernetes.api import Api, Object, Pod
from tests.aws.kubernetes.controller import Controller, not_ready, unschedulable, waiting
from tests.aws.kubernetes.operator import CLUSTER, Eks
from tests.aws.service.account import Account
from tests.aws.test_benchmark import QUICK
from tests.verbs.conftest import refusal, train
from tests.verbs.contract_server import RightServer, running

NAME = "my-model"


@pytest.fixture
def controller(api: Api, aws: Account) -> Controller:
    """An EKS cluster without an operator of SageMaker's."""
    api.installed = False
    aws.add(Eks(api))
    return Controller(api)


@pytest.fixture
def project(make: Make, controller: Controller, on_cluster: OnCluster) -> Project:
    """A project whose image is in ECR."""
    made = make(deploy_target="kubernetes")
    (made.path / "model" / "model.pkl").write_bytes(b"model")
    return on_cluster(made, EKS_CLUSTER=CLUSTER)


def served(api: Api, plural: str = "deployments") -> dict[str, Any]:
    """The specification in the cluster."""
    return dict(api.objects[plural, "default", NAME]["spec"])


def container(api: Api) -> dict[str, Any]:
    """The container of the Deployment in the cluster."""
    (found,) = served(api)["template"]["spec"]["containers"]
    return dict(found)


# what is deployed


def test_the_cluster_is_asked_for_pods_that_keep_the_contract(aws: Account, api: Api, project: Project) -> None:
    project.set(COPY_CPUS="0.5", COPY_MEMORY_MB="1024", CALLER_NAMESPACES="web", CONTAINER_ENVIRONMENT="A=1")

    printed = succeed(project, "deploy")

    assert f"my-model serves at http://my-model.default:8080 in {CLUSTER}" in printed
    (image,) = aws.client("ecr").describe_images(repositoryName=NAME)["imageDetails"]
    found = container(api)
    assert found["image"] == f"123456789012.dkr.ecr.us-east-1.amazonaws.com/my-model@{image['imageDigest']}"
    assert found["resources"] == {"requests": {"cpu": "500m", "memory": "1Gi"}}
    assert found["startupProbe"]["failureThreshold"] == 60
    assert found["startupProbe"]["httpGet"] == {"path": "/ping", "port": 8080, "scheme": "HTTP"}
    assert found["env"] == [{"name": "A", "value": "1"}, {"name": "SERVING_WORKERS", "value": "1"}]
    pod = served(api)["template"]["spec"]
    security = {**pod["securityContext"], **found["securityContext"]}
    assert (security["runAsNonRoot"], security["readOnlyRootFilesystem"]) == (True, True)
    assert "runAsUser" not in security  # the image's own
    assert "\nARG USER_ID=10001\nUSER ${USER_ID}\n" in (project.path / "Dockerfile").read_text()
    assert "The server runs as a dedicated user" in (project.path / "DECISIONS.md").read_text()
    assert pod["automountServiceAccountToken"] is False
    assert nodes(api) == {"kubernetes.io/arch": ["amd64"]}
    assert served(api)["replicas"] == 1
    assert served(api, "services")["ports"][0]["port"] == 8080
    (caller, others) = served(api, "networkpolicies")["ingress"][0]["from"]
    assert caller == {"podSelector": {}}
    assert others["namespaceSelector"]["matchExpressions"][0]["values"] == ["web"]
    selectors = [served(api)["selector"], served(api, "poddisruptionbudgets")["selector"]]
    assert [one["matchLabels"] for one in selectors] == [served(api, "services")["selector"]] * 2


def nodes(api: Api) -> dict[str, list[str]]:
    """The labels that a node must have, with their values."""
    affinity = served(api)["template"]["spec"]["affinity"]["nodeAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    return {row["key"]: row["values"] for row in term["matchExpressions"]}


def test_a_language_model_has_the_gpus_and_the_nodes_that_it_is_sized_for(
    api: Api, controller: Controller, make: Make, on_cluster: OnCluster
) -> None:
    answers = {"model_kind": "generative", "model_server": "vllm", "model_id": "Qwen/Qwen3-4B"}
    made = make(deploy_target="kubernetes", instance_type="ml.g5.12xlarge", **answers)
    project = on_cluster(made, EKS_CLUSTER=CLUSTER, COPY_ACCELERATORS="4", HF_TOKEN_KUBERNETES_SECRET="hf/token")

    succeed(project, "deploy")

    found = container(api)
    assert found["resources"]["limits"] == {"nvidia.com/gpu": "4"}
    assert nodes(api)["node.kubernetes.io/instance-type"] == ["g5.12xlarge"]
    secret = {"secretKeyRef": {"name": "hf", "key": "token"}}
    assert {"name": "HF_TOKEN", "valueFrom": secret} in found["env"]
    assert {"name": "HF_MODEL_ID", "value": "Qwen/Qwen3-4B"} in found["env"]
    assert {"name": "shared-memory", "mountPath": "/dev/shm"} in found["volumeMounts"]
    assert "nothing to change" in succeed(project, "deploy")
    project.set(MAX_COPIES="3")
    assert "a cluster measures only CPU and memory" in refusal(project.verb("deploy"), 3)


def test_a_dry_run_prints_the_manifests_and_changes_nothing(aws: Account, api: Api, project: Project) -> None:
    printed = succeed(project, "deploy", "--dry-run")

    first, _, manifests = printed.partition("\n")
    assert first == "would run kubectl apply --filename - --namespace default"
    kinds = [json.loads(one)["kind"] for one in manifests.split("---\n")]
    assert kinds == ["Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"]
    assert (api.requests, aws.changes()) == ([], [])


# how it goes


def test_the_whole_life(api: Api, controller: Controller, project: Project) -> None:
    """Deploy, ask, look, change, roll back, and leave nothing behind."""
    controller.log = '{"message": "serving"}\n'
    succeed(project, "deploy")
    changes = len(api.requests)
    assert "nothing to change" in succeed(project, "deploy")
    assert len(api.requests) == changes
    train(project.path)
    with running(RightServer()) as url:
        api.forwarded_to = int(url.rpartition(":")[2])
        assert "predictions" in succeed(project, "invoke", "--endpoint", stdin='{"instances": [[1, 2, 3]]}')
        succeed(project, "benchmark", "--endpoint", "--connections", "2", *QUICK)
        assert json.loads((project.path / "result.json").read_text())["cases"][0]["problems"] == {}
        assert "all is well" in succeed(project, "test", "--endpoint")
    status = succeed(project, "status")
    assert "Deployment  my-model  1 of 1 copies ready" in status
    assert "NetworkPolicy  my-model" in status
    api.pods["of-another-application"] = Pod(NAME, "not ours\n")
    assert succeed(project, "logs", "--endpoint") == controller.log
    first = container(api)

    project.set(COPY_MEMORY_MB="2048")
    succeed(project, "deploy")
    assert container(api)["resources"]["requests"]["memory"] == "2Gi"
    assert "serves my-model@sha256:" in succeed(project, "rollback")
    assert container(api) == first
    succeed(project, "rollback")
    assert container(api)["resources"]["requests"]["memory"] == "2Gi"

    assert "removed" in succeed(project, "clean", "--aws", "--yes")
    assert api.objects == {}


def scale(api: Api, copies: int) -> None:
    """What an autoscaler does."""
    deployment = api.objects["deployments", "default", NAME]
    deployment["spec"]["replicas"] = copies
    deployment["metadata"]["generation"] += 1


def test_the_load_chooses_the_number_of_copies_and_an_update_keeps_it(
    api: Api, controller: Controller, project: Project
) -> None:
    project.set(MIN_COPIES="2", MAX_COPIES="6")
    succeed(project, "deploy")
    scaled = served(api, "horizontalpodautoscalers")
    assert (scaled["minReplicas"], scaled["maxReplicas"]) == (2, 6)
    assert served(api)["replicas"] == 2  # from the first moment
    scale(api, 5)
    succeed(project, "status")  # at which the controller sees it; the new copies are still to come
    project.set(COPY_MEMORY_MB="2048")
    api.meanwhile = lambda: scale(api, 6)  # after do/deploy has seen 5

    succeed(project, "deploy")

    assert served(api)["replicas"] == 6
    assert "nothing to change" in succeed(project, "deploy")
    project.set(MAX_COPIES="2")
    succeed(project, "deploy")
    assert served(api)["replicas"] == 2
    assert not [key for key in api.objects if key[0] == "horizontalpodautoscalers"]
    succeed(project, "rollback")  # to a version whose copies something scaled that isn't there any more
    assert served(api)["replicas"] == 2

    project.set(MIN_COPIES="1", MAX_COPIES="6", COPY_MEMORY_MB="3072")
    succeed(project, "deploy")  # from a fixed number to one that the load chooses: the API server's default is 1
    assert served(api)["replicas"] == 2
    scale(api, 4)
    succeed(project, "rollback")
    assert served(api)["replicas"] == 4
    assert container(api)["resources"]["requests"]["memory"] == "2Gi"


def test_what_somebody_else_scales_keeps_its_number_of_copies(api: Api, project: Project) -> None:
    """As KEDA does: https://keda.sh/docs/latest/concepts/scaling-deployments/."""
    succeed(project, "deploy")
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}
    add_autoscaler(api, "keda-hpa-my-model", target)
    add_autoscaler(api, "of-another", target | {"name": "another"})
    scale(api, 4)

    assert "wait for the Deployment" in project.verb("deploy").stderr
    assert "nothing to change" in succeed(project, "deploy")
    project.set(COPY_MEMORY_MB="2048")
    succeed(project, "deploy")
    assert served(api)["replicas"] == 4
    scale(api, 3)
    succeed(project, "rollback")
    assert served(api)["replicas"] == 3
    succeed(project, "clean", "--aws", "--yes")
    assert [key[2] for key in api.objects] == ["keda-hpa-my-model", "of-another"]


def add_autoscaler(api: Api, name: str, target: Object) -> None:
    """An autoscaler that the project has not made."""
    api.objects["horizontalpodautoscalers", "default", name] = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": "default", "uid": name, "labels": {}},
        "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 6},
    }


TROUBLES: list[tuple[dict[str, Any], str]] = [
    (waiting("ImagePullBackOff", "Back-off pulling image"), "Back-off pulling image; likely the instances can't pull"),
    (waiting("CrashLoopBackOff", "back-off", restarts=3), "ended with 1; the server says: the model needs"),
    (
        unschedulable("0/3 nodes are available: 3 Insufficient nvidia.com/gpu."),
        "has timed out progressing; likely no instance has as many free GPUs",
    ),
    (not_ready(), "likely the copies don't answer /ping in time: run do/logs --endpoint"),
    (waiting("CreateContainerConfigError", 'secret "hf" not found'), "likely the secret of HF_TOKEN_KUBERNETES_SECRET"),
    (
        waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
        "do/update --keep-version --data run_as_root=false",
    ),
]


def test_what_a_pod_waits_for_ends_an_update_with_its_likely_cause(
    api: Api, controller: Controller, project: Project
) -> None:
    succeed(project, "deploy")
    controller.log = "error: the model needs numpy 3\n"
    for memory, (trouble, says) in enumerate(TROUBLES, start=2000):
        controller.trouble = trouble
        project.set(COPY_MEMORY_MB=str(memory))

        line = failure(project, "deploy", 4)

        assert says in line
        assert line.endswith("; do/rollback goes back to what was served before")
        assert api.objects["deployments", "default", NAME]["status"]["availableReplicas"] == 1

    assert "run do/rollback, or change a setting" in failure(project, "deploy", 4)
    assert container(api)["resources"]["requests"]["memory"] == f"{1999 + len(TROUBLES)}Mi"
    succeed(project, "rollback")
    assert container(api)["resources"]["requests"]["memory"] == "1Gi"


# what goes wrong


def test_somebody_elses_objects_are_neither_changed_nor_removed(api: Api, project: Project) -> None:
    succeed(project, "deploy")
    for plural in ("services", "deployments"):
        api.objects[plural, "default", NAME]["metadata"]["labels"]["mcc-template/id"] = "another"
        project.set(COPY_MEMORY_MB="2048" if plural == "services" else "3072")
        before = len(api.requests)
        assert "belongs to another project of this name" in failure(project, "deploy", 4)
        assert len(api.requests) == before

    succeed(project, "clean", "--aws", "--yes")

    assert {key[0] for key in api.objects} >= {"services", "deployments"}
    assert "networkpolicies" not in {key[0] for key in api.objects}


def test_a_field_that_the_cluster_does_not_know_is_named(api: Api, project: Project) -> None:
    file = project.path / "do" / "lib" / "target" / "manifest.py"
    file.write_text(file.read_text().replace('"revisionHistoryLimit"', '"revisionHistory"'))

    line = failure(project, "deploy", 4)

    assert "the cluster refuses the manifests, which need Kubernetes 1.30 or newer" in line
    assert 'unknown field "spec.revisionHistory"' in line


def test_without_a_cluster_each_verb_says_what_to_set(project: Project) -> None:
    project.set(EKS_CLUSTER="")

    for verb in ("deploy", "rollback"):
        assert refusal(project.verb(verb), 3).startswith(f"do/{verb}: EKS_CLUSTER is empty: run do/config set")
    succeed(project, "status")
    assert "the EKS cluster that EKS_CLUSTER names are paid for" in succeed(project, "cost")
