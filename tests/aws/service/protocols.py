"""Reads requests and writes answers as AWS's services do, by botocore's models of them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import DenormalizedStructureBuilder
from botocore.parsers import RpcV2CBORParser
from botocore.serialize import CBORSerializer
from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.serialize import get_serializer_class
from werkzeug.datastructures import Headers, MultiDict

# services that sign under another name than boto3's
SIGNING_NAMES = {"monitoring": "cloudwatch", "servicequotas": "service-quotas"}
CREDENTIAL = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
CBOR_PATH = re.compile(r"/service/\w+/operation/(?P<operation>\w+)")


@dataclass(frozen=True)
class Request:
    """A request as it came; `target` is the path with the query."""

    method: str
    target: str
    headers: Headers
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> MultiDict[str, str]:
        return MultiDict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


@dataclass(frozen=True)
class Call:
    """An operation that a verb called."""

    service: str  # as boto3 names it
    operation: str
    parameters: dict[str, Any]
    region: str
    protocol: str = field(repr=False)

    @property
    def name(self) -> str:
        """As in `codebuild:CreateProject`."""
        return f"{self.service}:{self.operation}"

    @property
    def model(self) -> OperationModel:
        return service_model(self.service).operation_model(self.operation)


@dataclass(frozen=True)
class Answer:
    """What goes back."""

    status: int
    headers: dict[str, str]
    body: bytes


NO_ANSWER = Answer(0, {}, b"")  # the connection breaks


class ServiceError(Exception):
    """An error that a service answers with."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@cache
def service_model(service: str) -> ServiceModel:
    """botocore's model of a service."""
    loader = botocore.session.get_session().get_component("data_loader")
    return ServiceModel(loader.load_service_model(service, "service-2"), service)


def read(request: Request) -> Call:
    """Which operation a signed request calls, with which parameters."""
    signed = CREDENTIAL.search(request.headers["Authorization"])
    assert signed, f"unsigned request: {request.target}"
    target = request.headers.get("X-Amz-Target")
    service = SIGNING_NAMES.get(signed["service"], signed["service"])
    if service == "sagemaker" and not target:
        service = "sagemaker-runtime"
    model = service_model(service)
    if cbor := CBOR_PATH.fullmatch(request.path):
        parameters = _parse_cbor(request.body)
        return Call(service, cbor["operation"], parameters, signed["region"], "smithy-rpc-v2-cbor")
    if target:
        return Call(service, target.partition(".")[2], json.loads(request.body or b"{}"), signed["region"], "json")
    values = request.query
    labels: dict[str, str] = {}
    if model.protocol in ("query", "ec2"):
        values = MultiDict(parse_qsl(request.body.decode(), keep_blank_values=True))
        operation = model.operation_model(values["Action"])
    else:
        operation, labels = _route(model, request)
    parameters = PROTOCOL_PARSERS[model.protocol](operation).parse(
        {
            "body": request.body,
            "headers": request.headers,
            "method": request.method,
            "url_params": labels,
            "url_path": request.path,
            "values": values,
        }
    )
    return Call(service, operation.name, parameters, signed["region"], model.protocol)


def _route(model: ServiceModel, request: Request) -> tuple[OperationModel, dict[str, str]]:
    """The operation of a REST request, with the labels in its path: of those that fit the one that asks for most."""
    best: tuple[int, OperationModel, dict[str, str]] | None = None
    for name in model.operation_names:
        operation = model.operation_model(name)
        trait, shape = operation.http_trait, operation.input_shape
        labels = re.sub(r"\\{(\w+)(\\\+)?\\}", _label, re.escape(trait.path))
        found = re.fullmatch(labels + "/?", request.path)
        needed = [*(shape.required_query_args if shape else ())]
        fits = (
            found
            and not operation.deprecated
            and trait.method == request.method
            and all(request.query.get(key) == value for key, value in trait.query_args.items())
            and all(key in request.query for key in needed)
            and all(header in request.headers for header in (shape.required_headers if shape else ()))
        )
        weight = len(trait.query_args) + len(needed) + len(shape.required_headers if shape else ())
        if fits and found and (best is None or weight > best[0]):
            best = weight, operation, {key: unquote(value) for key, value in found.groupdict().items()}
    assert best, f"no operation of {model.service_name} for {request.method} {request.target}"
    return best[1], best[2]


def _label(found: re.Match[str]) -> str:
    return f"(?P<{found[1]}>{'.+' if found[2] else '[^/]+'})"


def _parse_cbor(body: bytes) -> dict[str, Any]:
    parser = RpcV2CBORParser()
    return dict(parser.parse_data_item(parser.get_peekable_stream_from_bytes(body))) if body else {}


def answer(call: Call, result: dict[str, Any]) -> Answer:
    """A result in the form that the caller understands."""
    if call.protocol == "smithy-rpc-v2-cbor":
        return Answer(200, _cbor_headers(), _cbor(result, call.model.output_shape))
    written = get_serializer_class(call.service, call.protocol)(call.model).serialize(result)
    body = written["body"]
    content = body.encode() if isinstance(body, str) else b"".join([body] if isinstance(body, bytes) else body)
    return Answer(written["status_code"], {key: str(value) for key, value in written["headers"].items()}, content)


def error(call: Call, problem: ServiceError) -> Answer:
    """An error in the form that the caller understands."""
    code, message = problem.code, problem.message
    if call.protocol == "smithy-rpc-v2-cbor":
        return Answer(problem.status, _cbor_headers(), _cbor({"__type": code, "message": message}, CBOR_ERROR))
    if call.protocol in ("json", "rest-json"):
        body = json.dumps({"__type": code, "message": message, "Message": message})
        headers = {"Content-Type": "application/json", "x-amzn-errortype": code}
        return Answer(problem.status, headers, body.encode())
    text = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    if call.protocol == "query":
        text = f"<ErrorResponse>{text}<RequestId>1</RequestId></ErrorResponse>"
    return Answer(problem.status, {"Content-Type": "text/xml"}, text.encode())


CBOR_ERROR = (
    DenormalizedStructureBuilder()
    .with_members({"__type": {"type": "string"}, "message": {"type": "string"}})
    .build_model()
)


def _cbor(value: dict[str, Any], shape: Any) -> bytes:
    written = BytesIO()
    buffer = bytearray()
    serializer = CBORSerializer()
    serializer.TIMESTAMP_FORMAT = "unixtimestamp"
    serializer._serialize_data_item(buffer, _known(value, shape), shape)
    written.write(buffer)
    return written.getvalue()


def _known(value: Any, shape: Any) -> Any:
    """A value without the members that the model doesn't have."""
    if shape.type_name == "structure":
        return {key: _known(item, shape.members[key]) for key, item in value.items() if key in shape.members}
    if shape.type_name == "list":
        return [_known(item, shape.member) for item in value]
    return value


def _cbor_headers() -> dict[str, str]:
    return {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}


def as_json(call: Call, request: Request) -> Request:
    """The same request in JSON, which moto understands where boto3 speaks CBOR."""
    model = service_model(call.service)
    headers = Headers(request.headers)
    headers["X-Amz-Target"] = f"{model.metadata['targetPrefix']}.{call.operation}"
    headers["Content-Type"] = f"application/x-amz-json-{model.metadata.get('jsonVersion', '1.0')}"
    body = json.dumps(call.parameters, default=lambda moment: moment.timestamp()).encode()
    headers["Content-Length"] = str(len(body))
    return Request("POST", "/", headers, body)


def from_json(call: Call, plain: Answer) -> Answer:
    """moto's answer in JSON as CBOR."""
    content = json.loads(plain.body or b"{}")
    if plain.status == 200:
        return Answer(200, _cbor_headers(), _cbor(content, call.model.output_shape) if call.model.output_shape else b"")
    code = str(content.get("__type", "InternalError")).rpartition("#")[2]
    return error(call, ServiceError(code, content.get("message", ""), plain.status))
