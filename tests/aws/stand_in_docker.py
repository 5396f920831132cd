"""Stands in for docker: notes its arguments, knows every image and no container, and pushes into the test's account."""

from __future__ import annotations

import json
import os
import sys
from hashlib import sha256
from pathlib import Path

ARCHITECTURE = os.environ.get("STAND_IN_ARCHITECTURE", "amd64")
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {
        "mediaType": "application/vnd.docker.container.image.v1+json",
        "size": 1,
        "digest": "sha256:" + "1" * 64,
    },
}


def main(arguments: list[str]) -> int:
    """Note the call, with what comes on standard input after a login, and do what it is about."""
    noted = [*arguments, "<password>"] if "--password-stdin" in arguments and sys.stdin.read() else arguments
    with Path(os.environ["DOCKER_LOG"]).open("a") as log:
        log.write(json.dumps(noted) + "\n")
    if os.environ.get("STAND_IN_REFUSES") in arguments:
        print("denied: refused by the test", file=sys.stderr)
        return 1
    if arguments[:2] == ["image", "inspect"]:
        print(json.dumps([{"Size": 1000, "Os": "linux", "Architecture": ARCHITECTURE}]))
    elif arguments[:2] == ["container", "inspect"]:
        return 1
    elif arguments[0] == "version":
        print("26.1.0")
    elif arguments[0] == "push":
        push(arguments[-1])
    return 0


def push(name: str) -> None:
    """What the registry has afterwards."""
    import boto3

    repository, _, tag = name.partition("/")[2].partition(":")
    region = name.split(".")[3]
    boto3.client("ecr", region_name=region).put_image(
        repositoryName=repository,
        imageManifest=json.dumps({**MANIFEST, "layers": [{"digest": f"sha256:{sha256(tag.encode()).hexdigest()}"}]}),
        imageManifestMediaType=MANIFEST["mediaType"],
        imageTag=tag,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
