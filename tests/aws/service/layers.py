"""Keeps what images in ECR consist of, of which moto keeps nothing, and hands it out at an address of its own."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from uuid import uuid4

from tests.aws.service.protocols import Answer, Call, Request, ServiceError

PATH = "/layers/"


class Layers:
    """The layers and configurations of an account's images by digest; `url` is where they are downloaded."""

    service = "ecr"

    def __init__(self, url: str) -> None:
        self.url = url
        self._contents: dict[str, bytes] = {}
        self._uploads: dict[str, bytes] = {}

    def put(self, content: bytes) -> str:
        """Keep it; its digest."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self._contents[digest] = content
        return digest

    def put_configuration(self, architecture: str) -> str:
        """Keep the configuration of an image for this processor; its digest."""
        return self.put(json.dumps({"architecture": architecture, "os": "linux"}).encode())

    def InitiateLayerUpload(self, call: Call) -> dict[str, Any]:
        return {"uploadId": str(uuid4()), "partSize": 20 * 1024 * 1024}

    def UploadLayerPart(self, call: Call) -> dict[str, Any]:
        part = base64.b64decode(call.parameters["layerPartBlob"])
        self._uploads[call.parameters["uploadId"]] = part
        return {"uploadId": call.parameters["uploadId"], "lastByteReceived": len(part) - 1}

    def CompleteLayerUpload(self, call: Call) -> dict[str, Any]:
        digest = self.put(self._uploads.pop(call.parameters["uploadId"]))
        if call.parameters["layerDigests"] != [digest]:
            raise ServiceError("InvalidLayerException", "The layer digest calculation failed")
        return {"uploadId": call.parameters["uploadId"], "layerDigest": digest}

    def GetDownloadUrlForLayer(self, call: Call) -> dict[str, Any]:
        digest = call.parameters["layerDigest"]
        if digest not in self._contents:
            raise ServiceError("LayersNotFoundException", f"The layer {digest} is not available")
        return {"downloadUrl": f"{self.url}{PATH}{digest}?X-Amz-Signature=of-the-tests", "layerDigest": digest}

    def download(self, request: Request) -> Answer:
        """What lies at an address; whoever knows it need not sign the request."""
        content = self._contents.get(request.path.removeprefix(PATH))
        return Answer(404, {}, b"") if content is None else Answer(200, {}, content)
