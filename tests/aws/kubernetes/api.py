"""Stands in for the API server of an EKS cluster with the HyperPod inference operator.

What kubectl needs of an API server: https://kubernetes.io/docs/reference/using-api/api-concepts/. Objects are validated
strictly, by the operator's own schema, get its defaults, and a merge patch changes them. The operator's kinds and their
states are those of aws/sagemaker-hyperpod-cli, see inference_operator_crds.json.
"""

from __future__ import annotations

import json
import ssl
import sys
import tempfile
import threading
import traceback
import uuid
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime, timedelta, timezone
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Object = dict[str, Any]

TABLE: Object = json.loads(Path(__file__).with_name("inference_operator_crds.json").read_text())
GROUP = "inference.sagemaker.aws.amazon.com"
CONFIGS, REGISTRATIONS = "inferenceendpointconfigs", "sagemakerendpointregistrations"
KINDS = {row["plural"]: kind for kind, row in TABLE["kinds"].items()}
TOKEN = "k8s-aws-v1.token-of-the-tests"
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


class Problem(Exception):
    """An error as the API server answers it, a Status."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message


class Api(ThreadingHTTPServer):
    """The API server, by TLS on a port of its own. `operator` is told of each object and asked before each look."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.certificate, key = _certificate()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "pem").write_bytes(key + self.certificate)
            context.load_cert_chain(Path(folder, "pem"))
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.lock = threading.Lock()
        self.objects: dict[tuple[str, str, str], Object] = {}  # by plural, namespace and name
        self.namespaces = {"default", "team-a"}
        self.installed = True  # the operator
        self.forbidden: set[str] = set()  # methods that the caller may not use
        self.webhook_is_missing = False
        self.version = 0
        self.wrong: list[str] = []  # what the stand-in could not do
        self.requests: list[tuple[str, str]] = []  # that changed something
        self.look: Callable[[Object], object] = lambda found: None
        self.pods: dict[str, tuple[str, str]] = {}  # by name: their label app, and what they have written
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what went wrong here; that kubectl breaks connections off is no fault."""
        if not isinstance(sys.exc_info()[1], OSError):
            self.wrong.append(traceback.format_exc())

    def answer(self, method: str, target: str, body: bytes, token: str) -> Object | str:
        """The answer to a request. Raises Problem."""
        if token != f"Bearer {TOKEN}":
            raise Problem(401, "Unauthorized", "Unauthorized")
        place, query = urlsplit(target), {key: value[0] for key, value in parse_qs(urlsplit(target).query).items()}
        parts = place.path.strip("/").split("/")
        if found := self._discovery(place.path):
            return found
        if parts[:3] == ["api", "v1", "namespaces"]:
            return self._core(parts[3:], query)
        if parts[:3] == ["apis", GROUP, "v1"] and parts[3:4] == ["namespaces"] and self.installed:
            return self._custom(method, parts[4], parts[5], parts[6] if len(parts) > 6 else "", query, body)
        raise Problem(404, "NotFound", "the server could not find the requested resource")

    def _discovery(self, path: str) -> Object | None:
        group = {"groupVersion": f"{GROUP}/v1", "version": "v1"}
        pages: dict[str, Object] = {
            "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.1-eks"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
            "/api/v1": _resources("v1", {"pods": "Pod", "pods/log": "Pod"}, ["get", "list"]),
            "/openapi/v3": {"paths": {}},
        }
        if self.installed:
            pages["/apis"]["groups"] = [{"name": GROUP, "versions": [group], "preferredVersion": group}]
            pages[f"/apis/{GROUP}/v1"] = _resources(f"{GROUP}/v1", KINDS, VERBS)
            schema = f"/openapi/v3/apis/{GROUP}/v1"
            pages["/openapi/v3"]["paths"] = {f"apis/{GROUP}/v1": {"serverRelativeURL": schema}}
            pages[schema] = {"openapi": "3.0.0", "info": {"title": "", "version": ""}, "paths": dict(_paths())}
        return pages.get(path)

    def _core(self, parts: list[str], query: dict[str, str]) -> Object | str:
        """Pods and what they have written."""
        if parts[1:] == ["pods"]:
            app = query.get("labelSelector", "").removeprefix("app=")
            items = [_pod(name, parts[0], label) for name, (label, _) in self.pods.items() if label == app]
            return {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}
        if len(parts) == 4 and parts[1] == "pods" and parts[3] == "log":
            return self.pods[parts[2]][1]
        raise Problem(404, "NotFound", "the server could not find the requested resource")

    def _custom(
        self, method: str, namespace: str, plural: str, name: str, query: dict[str, str], body: bytes
    ) -> Object:
        if method in self.forbidden:
            verb = {"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete"}[method]
            what = f'{plural}.{GROUP} "{name}" is forbidden: User "dev" cannot {verb} resource "{plural}"'
            raise Problem(403, "Forbidden", f'{what} in API group "{GROUP}" in the namespace "{namespace}"')
        with self.lock:
            if method != "GET":
                self.requests.append((method, name or json.loads(body)["metadata"]["name"]))
            if method == "POST":
                return self._create(namespace, plural, json.loads(body), query)
            if not name:
                found = [row for key, row in self._seen() if key[:2] == (plural, namespace)]
                metadata = {"resourceVersion": str(self.version)}
                items = [deepcopy(row) for row in found]
                return {
                    "kind": f"{KINDS[plural]}List",
                    "apiVersion": f"{GROUP}/v1",
                    "metadata": metadata,
                    "items": items,
                }
            for _ in self._seen():
                pass
            key = (plural, namespace, name)
            if key not in self.objects:
                raise Problem(404, "NotFound", f'{plural}.{GROUP} "{name}" not found')
            if method == "PATCH":
                return self._change(key, json.loads(body), query)
            if method == "DELETE":
                self.objects[key]["metadata"]["deletionTimestamp"] = _now()
            return deepcopy(self.objects[key])

    def _seen(self) -> Iterator[tuple[tuple[str, str, str], Object]]:
        """The objects, each a step further for each look at any of them."""
        for key, found in [*self.objects.items()]:
            if key in self.objects:
                self.look(found)
                if key in self.objects:
                    yield key, found

    def _create(self, namespace: str, plural: str, given: Object, query: dict[str, str]) -> Object:
        if namespace not in self.namespaces:
            raise Problem(404, "NotFound", f'namespaces "{namespace}" not found')
        key = (plural, namespace, given["metadata"]["name"])
        if key in self.objects:
            raise Problem(409, "AlreadyExists", f'{plural}.{GROUP} "{key[2]}" already exists')
        self._require_valid(given, query)
        given["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": _now(), "generation": 1}
        return self._stored(key, given, query)

    def _change(self, key: tuple[str, str, str], patch: Object, query: dict[str, str]) -> Object:
        """https://datatracker.ietf.org/doc/html/rfc7386: a merge patch, as custom resources take it."""
        before = self.objects[key]
        changed = _merged(before, patch)
        self._require_valid(changed, query)
        _add_defaults(changed["spec"], _schema(changed["kind"])["properties"]["spec"])
        if changed["spec"] != before["spec"]:
            changed["metadata"]["generation"] += 1
        return self._stored(key, changed, query)

    def _require_valid(self, given: Object, query: dict[str, str]) -> None:
        if self.webhook_is_missing:
            called = 'failed calling webhook "vinferenceendpointconfig.kb.io": failed to call webhook'
            raise Problem(500, "InternalError", f"Internal error occurred: {called}: connection refused")
        if query.get("fieldValidation") == "Strict" and (unknown := [*_unknown("spec", given["spec"], given["kind"])]):
            raise Problem(400, "BadRequest", f"strict decoding error: {', '.join(unknown)}")
        errors = [*jsonschema.Draft202012Validator(_schema(given["kind"])).iter_errors(given)]
        if errors:
            where = ".".join(str(part) for part in errors[0].absolute_path)
            message = f'{given["kind"]}.{GROUP} "{given["metadata"]["name"]}" is invalid: {where}: {errors[0].message}'
            raise Problem(422, "Invalid", message)

    def _stored(self, key: tuple[str, str, str], given: Object, query: dict[str, str]) -> Object:
        self.version += 1
        given["metadata"] |= {"namespace": key[1], "resourceVersion": str(self.version)}
        _add_defaults(given["spec"], _schema(given["kind"])["properties"]["spec"])
        if "dryRun" not in query:
            self.objects[key] = given
        return deepcopy(given)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Api

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        code = 201 if self.command == "POST" else 200
        try:
            found = self.server.answer(self.command, self.path, body, self.headers.get("Authorization", ""))
        except Problem as problem:
            code = problem.code
            found = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code}
            found |= {"reason": problem.reason, "message": problem.message}
        content = found.encode() if isinstance(found, str) else json.dumps(found).encode()
        self.send_response(code)
        self.send_header("Content-Type", "text/plain" if isinstance(found, str) else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


for each in ("DELETE", "GET", "PATCH", "POST"):
    setattr(Handler, f"do_{each}", Handler.handle_any)


def _resources(group_version: str, kinds: dict[str, str], verbs: list[str]) -> Object:
    rows = [
        {"name": name, "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": verbs}
        for name, kind in kinds.items()
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": rows}


def _paths() -> Iterator[tuple[str, Object]]:
    """That the server validates: kubectl looks for the parameter."""
    for plural, kind in KINDS.items():
        patch = {
            "x-kubernetes-group-version-kind": {"group": GROUP, "version": "v1", "kind": kind},
            "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
        }
        yield f"/apis/{GROUP}/v1/namespaces/{{namespace}}/{plural}/{{name}}", {"patch": patch}


def _pod(name: str, namespace: str, app: str) -> Object:
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": app}, "uid": name},
        "spec": {"containers": [{"name": "server"}]},
    }


@cache
def _schema(kind: str) -> Object:
    """The operator's schema of a kind."""
    found: Object = TABLE["kinds"][kind]["versions"]["v1"]["schema"]
    return found


def _unknown(path: str, value: Any, kind: str) -> Iterator[str]:
    yield from _unknown_in(path, value, _schema(kind)["properties"]["spec"])


def _unknown_in(path: str, value: Any, schema: Object) -> Iterator[str]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _unknown_in(f"{path}[{number}]", item, schema.get("items", {}))
    if isinstance(value, dict) and "properties" in schema:
        for name, item in value.items():
            if name not in schema["properties"]:
                yield f'unknown field "{path}.{name}"'
            else:
                yield from _unknown_in(f"{path}.{name}", item, schema["properties"][name])


def _add_defaults(value: Any, schema: Object) -> None:
    """https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting"""
    if isinstance(value, list):
        for item in value:
            _add_defaults(item, schema.get("items", {}))
    if isinstance(value, dict):
        for name, row in schema.get("properties", {}).items():
            if "default" in row:
                value.setdefault(name, deepcopy(row["default"]))
            if name in value:
                _add_defaults(value[name], row)


def _merged(before: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    found = dict(before) if isinstance(before, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = _merged(found.get(name), value)
    return deepcopy(found)


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _certificate() -> tuple[bytes, bytes]:
    """A certificate for this machine, which signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM), private
