"""moto, which keeps what an account has, asked without a network: in half of the time of a request by HTTP."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
import moto.backends
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto.core.botocore_stubber import MockRawResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.aws.service.protocols import Answer, Request
from tests.forks import share_what_botocore_keeps

# by an IP address, because botocore puts buckets into the path then, not into the name of the host
URL = "http://127.0.0.1"

share_what_botocore_keeps(
    apart="s3"
)  # its clients take the bucket out of their model's paths, which the stand-in reads
# moto lists a folder of 200 for each request
moto.backends.list_of_moto_modules = cache(lambda list_all=moto.backends.list_of_moto_modules: [*list_all()])
_application = DomainDispatcherApplication(create_backend_app)


def ask(request: Request) -> Answer:
    """What moto answers to a request."""
    headers = Headers([(name, value) for name, value in request.headers.items() if name.lower() != "expect"])
    builder = EnvironBuilder(request.target, URL, method=request.method, headers=headers, data=request.body)
    parts, status, answered = run_wsgi_app(_application, builder.get_environ())
    return Answer(int(status.split()[0]), dict(answered), b"".join(parts) if request.method != "HEAD" else b"")


def reset() -> None:
    """Empty the account."""
    ask(Request("POST", "/moto-api/reset", Headers(), b""))


@cache  # making one takes longer than most calls
def client(service: str, region: str) -> Any:
    """A client that asks moto itself."""
    made = boto3.client(
        service, region_name=region, endpoint_url=URL, aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    made.meta.events.register("before-send", _answered)
    return made


def _answered(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
    """The answer that botocore takes instead of sending a request."""
    body = request.body or b""
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else body.read()
    headers = [(name, value if isinstance(value, str) else value.decode()) for name, value in request.headers.items()]
    answer = ask(Request(request.method, request.url.removeprefix(URL), Headers(headers), content))
    return AWSResponse(request.url, answer.status, answer.headers, MockRawResponse(answer.body))
