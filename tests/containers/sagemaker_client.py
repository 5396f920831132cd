"""Deploys an image with the local mode of the SageMaker Python SDK, asks it for predictions and deletes it.

    python sagemaker_client.py IMAGE MODEL.tar.gz PORT REQUEST.json

Runs in an environment of its own (sagemaker.txt). Prints the answers as one JSON document, its last line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sagemaker.deserializers import CSVDeserializer, JSONDeserializer  # type: ignore[import-not-found]
from sagemaker.local import LocalSession  # type: ignore[import-not-found]
from sagemaker.model import Model  # type: ignore[import-not-found]
from sagemaker.predictor import Predictor  # type: ignore[import-not-found]
from sagemaker.serializers import CSVSerializer, JSONSerializer  # type: ignore[import-not-found]

ROLE = "arn:aws:iam::111122223333:role/any"


def main() -> None:
    image, model_data, port, request = sys.argv[1:]
    session = LocalSession()
    session.config = {"local": {"local_code": True, "serving_port": int(port)}}
    model = Model(image, f"file://{model_data}", ROLE, predictor_cls=Predictor, sagemaker_session=session)
    # without waiting: local mode comes back when the container answers, and would then look every 30 seconds
    predictor = model.deploy(1, "local", endpoint_name="the-image", wait=False)
    try:
        instances = json.loads(Path(request).read_text())["instances"]
        predictor.serializer, predictor.deserializer = JSONSerializer(), JSONDeserializer()
        as_json = predictor.predict({"instances": instances})["predictions"]
        predictor.serializer, predictor.deserializer = CSVSerializer(), CSVDeserializer()
        as_csv = [float(row[0]) for row in predictor.predict(instances)]
    finally:
        predictor.delete_endpoint()
    print(json.dumps({"application/json": as_json, "text/csv": as_csv}))


if __name__ == "__main__":
    main()
