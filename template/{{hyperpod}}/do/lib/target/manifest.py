"""What the operator is asked for: the manifest of an InferenceEndpointConfig, from the settings.

https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-model-deployment-deploy-ftm.html; all fields are in
the operator's schema, https://github.com/aws/sagemaker-hyperpod-cli (helm_chart, inference-operator, config/crd).
"""

from __future__ import annotations

import re
from pathlib import Path

from lib import config
from lib.aws import model_data, names
from lib.aws.client import AwsClient
from lib.aws.tables import read_table
from lib.cli import ExitCode, VerbError
from lib.target import capacity, deployed, pods, updates
from lib.target.deployed import Manifest

GROUP_VERSION = "inference.sagemaker.aws.amazon.com/v1"
KIND = "InferenceEndpointConfig"
MODEL_VOLUME = "model"
MODEL_PLACE = "/opt/ml/model"
# where an empty volume goes if the model is in the image: the operator insists on one, and it must not hide the model
NO_MODEL_PLACE = "/opt/ml/no-model"
COMMIT = re.compile("[0-9a-f]{40}")
SCALING = Path(__file__).with_name("scaling.yml")


def of(aws: AwsClient, image_uri: str) -> Manifest:
    """The whole manifest. Raises VerbError where the model can't be mounted."""
    return with_spec(_spec(aws, image_uri))


def with_spec(spec: Manifest) -> Manifest:
    """A manifest of the project with this specification."""
    return {
        "apiVersion": GROUP_VERSION,
        "kind": KIND,
        "metadata": deployed.metadata(),
        "spec": spec,
    }


def image_of(spec: Manifest) -> str:
    """The image that a specification names."""
    return str(spec["worker"]["image"])


def _spec(aws: AwsClient, image_uri: str) -> Manifest:
    types = capacity.instance_types()
    source, mount, volumes = _model(aws)
    tags = names.tags() | {names.MANAGED_TAG: config.load()["DEPLOY_TARGET"]}
    return {
        "modelName": names.project(),
        "endpointName": names.project(),
        **({"instanceType": types[0]} if len(types) == 1 else {"instanceTypes": types}),
        "maxDeployTimeInSeconds": updates.longest(),
        "invocationEndpoint": "invocations",
        "loadBalancer": {"healthCheckPath": "/ping"},
        "metrics": {"enabled": True, "modelMetrics": {"path": "/metrics", "port": pods.PORT}},
        "modelSourceConfig": source,
        **({"kubernetes": {"volumes": volumes}} if volumes else {}),
        "tags": [{"name": name, "value": value} for name, value in tags.items()],
        "worker": {
            "image": image_uri,
            "modelInvocationPort": {"containerPort": pods.PORT, "name": "http"},
            "modelVolumeMount": {"name": MODEL_VOLUME, "mountPath": mount},
            "resources": capacity.resources(),
            "probes": pods.probes(),
            "environmentVariables": pods.environment(),
        },
        **_copies(),
    }


def _copies() -> Manifest:
    """How many pods there are; while KEDA chooses, their number is not ours."""
    least, most = capacity.copies()
    if least == most:
        return {"replicas": least}
    dimensions = {"EndpointName": names.project(), "VariantName": "AllTraffic"}
    trigger = {
        "name": "invocations",
        **read_table(SCALING)[config.load()["MODEL_KIND"]],
        "dimensions": [{"name": name, "value": value} for name, value in dimensions.items()],
    }
    return {"autoScalingSpec": {"minReplicaCount": least, "maxReplicaCount": most, "cloudWatchTrigger": trigger}}


def _model(aws: AwsClient) -> tuple[Manifest, str, list[Manifest]]:
    """Where the operator finds the model, where it mounts it, and which volumes it needs for that."""
    if config.load()["MODEL_SOURCE"] == "huggingface":
        return _of_hub(), MODEL_PLACE, []
    data = model_data.parameters(aws)
    if not data:
        volume = {"name": MODEL_VOLUME, "emptyDir": {}}
        return {"modelSourceType": "kubernetesVolume"}, NO_MODEL_PLACE, [volume]
    url = data.get("ModelDataSource", {}).get("S3DataSource", {}).get("S3Uri", "")
    if not url.endswith("/"):
        raise VerbError(
            "HyperPod mounts the files of a model as they are, and unpacks no archive: run do/upload, or do/config set "
            "MODEL_DATA_URL with a prefix that ends with /",
            ExitCode.BAD_CONFIGURATION,
        )
    bucket, _, prefix = url.removeprefix("s3://").rstrip("/").partition("/")
    place = {"modelLocation": prefix} if prefix else {}
    storage = {"bucketName": bucket, "region": aws.region}
    return {"modelSourceType": "s3", "s3Storage": storage, **place}, MODEL_PLACE, []


def _of_hub() -> Manifest:
    configuration = config.load()
    revision, secret = configuration.get("MODEL_REVISION", ""), configuration["HF_TOKEN_KUBERNETES_SECRET"]
    if revision and not COMMIT.fullmatch(revision):
        raise VerbError(
            f"HyperPod takes a commit of 40 letters from the Hub, not MODEL_REVISION={revision}: run do/update "
            "--keep-version --data model_revision=COMMIT",
            ExitCode.BAD_CONFIGURATION,
        )
    name, _, key = secret.partition("/")
    model = {
        "modelId": configuration["MODEL_ID"],
        **({"commitSHA": revision} if revision else {}),
        **({"tokenSecretRef": {"name": name, "key": key}} if secret else {}),
    }
    return {"modelSourceType": "huggingface", "huggingFaceModel": model}
