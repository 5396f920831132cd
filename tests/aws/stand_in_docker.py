"""Stands in for docker: notes its arguments, knows every image and no container, and pushes into the test's account."""

from __future__ import annotations

import json
import os
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

ARCHITECTURE = os.environ.get("STAND_IN_ARCHITECTURE", "amd64")
CONFIGURATION = json.dumps({"architecture": ARCHITECTURE, "os": "linux"}).encode()
MEDIA_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


def main(arguments: list[str]) -> int:
    """Note the call, with the registries that its configuration may push to, and do what it is about."""
    noted = [*arguments]
    if arguments[0] == "--config":
        noted[1] = " ".join(json.loads(Path(arguments[1], "config.json").read_text())["auths"])
        arguments = arguments[4 if arguments[2] == "--host" else 2 :]
    with Path(os.environ["DOCKER_LOG"]).open("a") as log:
        log.write(json.dumps(noted) + "\n")
    if os.environ.get("STAND_IN_REFUSES") in arguments:
        print("denied: refused by the test", file=sys.stderr)
        return 1
    if arguments[:2] == ["image", "inspect"]:
        print(json.dumps([{"Size": 1000, "Os": "linux", "Architecture": ARCHITECTURE}]))
    elif arguments[:2] == ["container", "inspect"]:
        return 1
    elif arguments[0] == "run":
        print(json.dumps([["numpy", "2.0.0", "BSD-3-Clause"]]))  # the packages in the image
    elif arguments[0] == "context":
        print("unix:///run/user/1000/docker.sock")
    elif arguments[0] == "version":
        print("26.1.0")
    elif arguments[0] == "push":
        push(arguments[-1])
    return 0


def push(name: str) -> None:
    """What the registry has afterwards: the image's configuration and its manifest."""
    import boto3

    repository, _, tag = name.partition("/")[2].partition(":")
    ecr = boto3.client("ecr", region_name=name.split(".")[3])
    upload = ecr.initiate_layer_upload(repositoryName=repository)["uploadId"]
    part = {"partFirstByte": 0, "partLastByte": len(CONFIGURATION) - 1, "layerPartBlob": CONFIGURATION}
    ecr.upload_layer_part(repositoryName=repository, uploadId=upload, **part)
    ecr.complete_layer_upload(repositoryName=repository, uploadId=upload, layerDigests=[digest_of(CONFIGURATION)])
    ecr.put_image(
        repositoryName=repository,
        imageManifest=json.dumps(manifest(tag)),
        imageManifestMediaType=MEDIA_TYPE,
        imageTag=tag,
    )


def manifest(tag: str) -> dict[str, Any]:
    """The manifest of the image, with a layer of its own for each tag."""
    config = {
        "mediaType": "application/vnd.docker.container.image.v1+json",
        "size": len(CONFIGURATION),
        "digest": digest_of(CONFIGURATION),
    }
    return {
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE,
        "config": config,
        "layers": [{"digest": digest_of(tag.encode()), "size": 1}],
    }


def digest_of(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
