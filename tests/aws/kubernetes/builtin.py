"""Kubernetes' own kinds of objects: their schemas, and what its API server makes of what it is given.

The schemas are those of builtin_kinds.json. Defaults: https://github.com/kubernetes/kubernetes pkg/apis/apps/v1 and
pkg/apis/core/v1/defaults.go, as far as the objects of the tests have any. Quantities are kept in their canonical form
(https://pkg.go.dev/k8s.io/apimachinery/pkg/api/resource#Quantity), and what is empty isn't kept.
"""

from __future__ import annotations

import json
import re
from copy import deepcopy
from fractions import Fraction
from pathlib import Path
from typing import Any

Object = dict[str, Any]

TABLE: Object = json.loads(Path(__file__).with_name("builtin_kinds.json").read_text())
UNITS = {"": Fraction(1), "m": Fraction(1, 1000)}
UNITS |= {f"{unit}i": Fraction(1024**power) for power, unit in enumerate("KMGTPE", 1)}


def schema(plural: str) -> Object:
    """The schema of a kind, with the definitions that it refers to."""
    return {**TABLE["kinds"][plural]["schema"], "$defs": TABLE["$defs"]}


def resolved(row: Object) -> Object:
    """A part of a schema, where it refers to another, that one."""
    return TABLE["$defs"][row["$ref"].rpartition("/")[2]] if "$ref" in row else row


def patched(before: Any, patch: Any, row: Object) -> Any:
    """What a strategic merge patch makes of an object, as the API server sends it on.

    https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
    """
    row = resolved(row)
    if isinstance(patch, dict):
        found = {} if patch.get("$patch") == "replace" else dict(before or {})
        for name, value in patch.items():
            if name.startswith("$"):
                continue
            if value is None:
                found.pop(name, None)
                continue
            inner = row.get("properties", {}).get(name, row.get("additionalProperties") or {})
            found[name] = patched(found.get(name), value, inner)
        return {name: found[name] for name in found if name in patch.get("$retainKeys", found)}
    if isinstance(patch, list) and "merge" in row.get("x-kubernetes-patch-strategy", ""):
        return _merged(before or [], patch, row)
    return deepcopy(patch)


def _merged(before: list[Any], patch: list[Any], row: Object) -> list[Any]:
    """The items of a list, merged by their key; those without one are a set."""
    key = row.get("x-kubernetes-patch-merge-key")
    if not key:
        return [*before, *(item for item in patch if item not in before)]
    found = {item[key]: item for item in before}
    for item in patch:
        if item.get("$patch") == "delete":
            found.pop(item[key], None)
        else:
            found[item[key]] = patched(found.get(item[key]), item, row["items"])
    return [*found.values()]


def normalized(given: Object) -> Object:
    """An object as the API server keeps it."""
    found: Object = _kept(given)
    if found["kind"] == "Deployment":
        found["spec"].setdefault("replicas", 1)
        _default_pod(found["spec"]["template"]["spec"])
    if found["kind"] == "Service":
        found["spec"] = {
            "clusterIP": "10.100.1.1",
            "clusterIPs": ["10.100.1.1"],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "sessionAffinity": "None",
        } | found["spec"]
    return found


def _default_pod(pod: Object) -> None:
    for name, value in {
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
    }.items():
        pod.setdefault(name, value)
    for container in pod["containers"]:
        container.setdefault("imagePullPolicy", "IfNotPresent")
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        for name in ("startupProbe", "readinessProbe", "livenessProbe"):
            container[name].setdefault("successThreshold", 1)
            container[name]["httpGet"].setdefault("scheme", "HTTP")
        for amounts in container.get("resources", {}).values():
            amounts.update({name: quantity(str(amount)) for name, amount in amounts.items()})


def _kept(value: Any) -> Any:
    """A value without texts and lists that are empty."""
    if isinstance(value, dict):
        return {name: _kept(inner) for name, inner in value.items() if inner not in ("", [])}
    return [_kept(item) for item in value] if isinstance(value, list) else value


def quantity(text: str) -> str:
    """A quantity in its canonical form: without a fraction, and with the largest unit."""
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", text).groups()  # type: ignore[union-attr]
    value = Fraction(number) * UNITS[unit]
    if not unit.endswith("i"):
        return str(value) if value.denominator == 1 else f"{value * 1000}m"
    largest = max((one for one in UNITS if one.endswith("i") and value % UNITS[one] == 0), key=lambda one: UNITS[one])
    return f"{value / UNITS[largest]}{largest}"
