"""Stands in for the API server of an EKS cluster, with or without the HyperPod inference operator.

What kubectl needs of an API server: https://kubernetes.io/docs/reference/using-api/api-concepts/. Objects are validated
strictly by their schema and get its defaults. A merge patch changes the operator's, and a strategic one Kubernetes'
own. The operator's kinds are those of aws/sagemaker-hyperpod-cli, see inference_operator_crds.json; Kubernetes' own are
in builtin.py. What moves them is operator.py, and controller.py.
"""

from __future__ import annotations

import json
import re
import ssl
import sys
import tempfile
import threading
import traceback
import uuid
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import jsonschema
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.aws.kubernetes import builtin, port_forward

Object = dict[str, Any]

TABLE: Object = json.loads(Path(__file__).with_name("inference_operator_crds.json").read_text())
GROUP = "inference.sagemaker.aws.amazon.com"
CONFIGS, REGISTRATIONS = "inferenceendpointconfigs", "sagemakerendpointregistrations"
TOKEN = "k8s-aws-v1.token-of-the-tests"
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


class Kind(NamedTuple):
    """A kind of objects: whether it is one of the operator's, and where it is."""

    name: str
    group: str
    version: str
    schema: Object
    is_custom: bool

    @property
    def group_version(self) -> str:
        return f"{self.group}/{self.version}".lstrip("/")

    def called(self, plural: str) -> str:
        """What messages call it."""
        return f"{plural}.{self.group}".rstrip(".")


CUSTOM = {
    row["plural"]: Kind(name, GROUP, "v1", row["versions"]["v1"]["schema"], True)
    for name, row in TABLE["kinds"].items()
}
BUILT_IN = {
    plural: Kind(row["kind"], row["group"], row["version"], builtin.schema(plural), False)
    for plural, row in builtin.TABLE["kinds"].items()
}
ALL_KINDS = CUSTOM | BUILT_IN
# what controllers make
READ_ONLY = {"pods": ("v1", "Pod"), "replicasets": ("apps/v1", "ReplicaSet")}
# of a label selector, and what stands between two
TERM = re.compile(r"([\w./-]+)(?:=([\w.-]*)| in \(([\w.,-]*)\))")
BETWEEN_TERMS = re.compile(r",(?![^(]*\))")


class Pod(NamedTuple):
    """A pod that nothing here has made: its label app, what it has written, and its image."""

    app: str
    log: str
    image: str = "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-model@sha256:0"


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
        self.meanwhile: Callable[[], object] | None = None  # what happens once, just before the next change
        self.pods: dict[str, Pod] = {}  # by name
        self.written: dict[str, str] = {}  # what the pods among the objects have written
        self.forwarded_to = 0  # the port here that a pod's stands for
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
        group_version, namespaced = _place(parts)
        if namespaced[1:2] in (["pods"], ["replicasets"]):
            return self._made(namespaced, query)
        namespace, plural = [*namespaced, "", ""][:2]
        kind = self.kinds.get(plural)
        if kind and kind.group_version == group_version:
            return self._stored_kind(method, namespace, plural, "".join(namespaced[2:]), query, body)
        raise Problem(404, "NotFound", "the server could not find the requested resource")

    @property
    def kinds(self) -> dict[str, Kind]:
        """The kinds that the cluster knows, by their plurals."""
        return BUILT_IN | (CUSTOM if self.installed else {})

    def _discovery(self, path: str) -> Object | None:
        pages: dict[str, Object] = {
            "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.1-eks"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
            "/openapi/v3": {"paths": {}},
        }
        for group_version in sorted({kind.group_version for kind in self.kinds.values()}):
            own = {plural: kind for plural, kind in self.kinds.items() if kind.group_version == group_version}
            rows = [(plural, kind.name, VERBS) for plural, kind in own.items()]
            rows += [
                (plural, name, ["get", "list"]) for plural, (place, name) in READ_ONLY.items() if place == group_version
            ]
            rows += [
                (f"pods/{part}", "Pod", ["create", "get"]) for part in ("log", "portforward") if group_version == "v1"
            ]
            group, _, version = group_version.rpartition("/")
            root = f"apis/{group_version}" if group else "api/v1"
            pages[f"/{root}"] = _resources(group_version, rows)
            pages["/openapi/v3"]["paths"][root] = {"serverRelativeURL": f"/openapi/v3/{root}"}
            pages[f"/openapi/v3/{root}"] = {
                "openapi": "3.0.0",
                "info": {"title": "", "version": ""},
                "paths": dict(_paths(own, root)),
            }
            if group:
                one = {"groupVersion": group_version, "version": version}
                pages["/apis"]["groups"].append({"name": group, "versions": [one], "preferredVersion": one})
        return pages.get(path)

    def _made(self, parts: list[str], query: dict[str, str]) -> Object | str:
        """Pods and what they have written, and ReplicaSets."""
        namespace, plural, *rest = parts
        place, kind = READ_ONLY[plural]
        if rest[1:] == ["portforward"]:
            raise Problem(400, "BadRequest", "unable to upgrade: no web sockets here")
        if rest[1:] == ["log"]:
            return self.pods[rest[0]].log if rest[0] in self.pods else self.written.get(rest[0], "")
        with self.lock:
            items = [deepcopy(row) for key, row in self._seen() if key[:2] == (plural, namespace)]
        items += [_pod(name, namespace, pod) for name, pod in self.pods.items() if plural == "pods"]
        if rest:
            return next(item for item in items if item["metadata"]["name"] == rest[0])
        chosen = [item for item in items if _is_chosen(item["metadata"]["labels"], query.get("labelSelector", ""))]
        return {"kind": f"{kind}List", "apiVersion": place, "metadata": {"resourceVersion": "1"}, "items": chosen}

    def _stored_kind(
        self, method: str, namespace: str, plural: str, name: str, query: dict[str, str], body: bytes
    ) -> Object:
        kind = self.kinds[plural]
        if method in self.forbidden:
            verb = {"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete"}[method]
            what = f'{kind.called(plural)} "{name}" is forbidden: User "dev" cannot {verb} resource "{plural}"'
            raise Problem(403, "Forbidden", f'{what} in API group "{kind.group}" in the namespace "{namespace}"')
        with self.lock:
            if method != "GET" and self.meanwhile:
                happens, self.meanwhile = self.meanwhile, None
                happens()
            if method != "GET":
                self.requests.append((method, name or json.loads(body)["metadata"]["name"]))
            if method == "POST":
                return self._create(namespace, plural, json.loads(body), query)
            if not name:
                found = [row for key, row in self._seen() if key[:2] == (plural, namespace)]
                return {
                    "kind": f"{kind.name}List",
                    "apiVersion": kind.group_version,
                    "metadata": {"resourceVersion": str(self.version)},
                    "items": [deepcopy(row) for row in found],
                }
            for _ in self._seen():
                pass
            key = (plural, namespace, name)
            if key not in self.objects:
                raise Problem(404, "NotFound", f'{kind.called(plural)} "{name}" not found')
            if method == "PATCH":
                return self._change(key, json.loads(body), query)
            found_one = self.objects[key]
            if method == "DELETE":
                found_one["metadata"]["deletionTimestamp"] = _now()
                if not kind.is_custom:
                    del self.objects[key]
            return deepcopy(found_one)

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
            raise Problem(409, "AlreadyExists", f'{self.kinds[plural].called(plural)} "{key[2]}" already exists')
        self._require_valid(plural, given, query)
        given["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": _now(), "generation": 1}
        return self._stored(key, given, query)

    def _change(self, key: tuple[str, str, str], patch: Object, query: dict[str, str]) -> Object:
        """A merge patch, https://datatracker.ietf.org/doc/html/rfc7386, of the operator's; else a strategic one."""
        before, kind = self.objects[key], self.kinds[key[0]]
        changed = _merged(before, patch) if kind.is_custom else builtin.patched(before, patch, kind.schema)
        self._require_valid(key[0], changed, query)
        changed = self._completed(key[0], changed)
        if changed["spec"].get("selector") != before["spec"].get("selector") and key[0] == "deployments":
            message = f'Deployment.apps "{key[2]}" is invalid: spec.selector: Invalid value: field is immutable'
            raise Problem(422, "Invalid", message)
        if changed["spec"] != before["spec"]:
            changed["metadata"]["generation"] += 1
        return self._stored(key, changed, query)

    def _require_valid(self, plural: str, given: Object, query: dict[str, str]) -> None:
        kind = self.kinds[plural]
        if self.webhook_is_missing:
            called = 'failed calling webhook "vinferenceendpointconfig.kb.io": failed to call webhook'
            raise Problem(500, "InternalError", f"Internal error occurred: {called}: connection refused")
        unknown = [*_unknown("spec", given["spec"], kind.schema["properties"]["spec"])]
        if query.get("fieldValidation") == "Strict" and unknown:
            raise Problem(400, "BadRequest", f"strict decoding error: {', '.join(unknown)}")
        errors = [*jsonschema.Draft202012Validator(kind.schema).iter_errors(given)]
        if errors:
            where = ".".join(str(part) for part in errors[0].absolute_path)
            name = f'{kind.called(kind.name)} "{given["metadata"]["name"]}"'
            raise Problem(422, "Invalid", f"{name} is invalid: {where}: {errors[0].message}")

    def _completed(self, plural: str, given: Object) -> Object:
        """An object with its defaults."""
        kind = self.kinds[plural]
        if not kind.is_custom:
            return builtin.normalized(given)
        _add_defaults(given["spec"], kind.schema["properties"]["spec"])
        return given

    def _stored(self, key: tuple[str, str, str], given: Object, query: dict[str, str]) -> Object:
        self.version += 1
        given["metadata"] |= {"namespace": key[1], "resourceVersion": str(self.version)}
        given = self._completed(key[0], given)
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
        if self.path.partition("?")[0].endswith("/portforward") and self._forward():
            return
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

    def _forward(self) -> bool:
        """Forward a port if kubectl asks for SPDY; it does so where it gets no web socket."""
        if self.headers.get("Upgrade") != "SPDY/3.1":
            return False
        self.send_response(101)
        for name, value in port_forward.HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        port_forward.Forwarding(self.rfile, self.wfile, self.server.forwarded_to).serve()
        return True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


for each in ("DELETE", "GET", "PATCH", "POST"):
    setattr(Handler, f"do_{each}", Handler.handle_any)


def _place(parts: list[str]) -> tuple[str, list[str]]:
    """The group and version of a path, and its namespace with what comes after it."""
    group_version = parts[1:2] if parts[0] == "api" else parts[1:3]
    rest = parts[1 + len(group_version) :]
    return "/".join(group_version), rest[1:] if rest[:1] == ["namespaces"] else []


def _resources(group_version: str, rows: list[tuple[str, str, list[str]]]) -> Object:
    resources = [
        {"name": plural, "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": verbs}
        for plural, kind, verbs in rows
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}


def _paths(kinds: dict[str, Kind], root: str) -> Iterator[tuple[str, Object]]:
    """That the server validates: kubectl looks for the parameter."""
    for plural, kind in kinds.items():
        patch = {
            "x-kubernetes-group-version-kind": {"group": kind.group, "version": kind.version, "kind": kind.name},
            "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
        }
        yield f"/{root}/namespaces/{{namespace}}/{plural}/{{name}}", {"patch": patch}


def _is_chosen(labels: Object, selector: str) -> bool:
    """By equality and `in`; raises Problem for another selector.

    https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#api
    """
    for term in BETWEEN_TERMS.split(selector) if selector else []:
        found = TERM.fullmatch(term)
        if not found:
            raise Problem(400, "BadRequest", f'unable to parse requirement: "{term}"')
        name, value, values = found.groups()
        if labels.get(name) not in ([value] if values is None else values.split(",")):
            return False
    return True


def _pod(name: str, namespace: str, pod: Pod) -> Object:
    labels = {"app": pod.app, "pod-template-hash": name}
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": name, "namespace": namespace, "labels": labels, "uid": name},
        "spec": {"containers": [{"name": "server", "image": pod.image}]},
    }


def _unknown(path: str, value: Any, schema: Object) -> Iterator[str]:
    schema = builtin.resolved(schema)
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _unknown(f"{path}[{number}]", item, schema.get("items", {}))
    if isinstance(value, dict) and "properties" in schema:
        for name, item in value.items():
            if name not in schema["properties"]:
                yield f'unknown field "{path}.{name}"'
            else:
                yield from _unknown(f"{path}.{name}", item, schema["properties"][name])


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
