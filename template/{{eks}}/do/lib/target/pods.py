"""What every pod of the project has: its port, its environment, its probes, and its log."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

from lib import config
from lib.aws import deployment, requests
from lib.cli import say
from lib.target import capacity
from lib.target.deployed import Deployed
from lib.target.kubectl import Kubectl, KubectlError

PORT = 8080
PERIOD = 10  # seconds between two probes


def environment() -> list[dict[str, Any]]:
    """The variables of the container, with a process per CPU of a copy: no limit tells the server how many it has."""
    variables = requests.container_environment()
    configuration = config.load()
    if configuration["MODEL_KIND"] == "predictive":
        variables.setdefault("SERVING_WORKERS", str(math.ceil(float(configuration["COPY_CPUS"]))))
    return [{"name": name, **({"value": value} if value else {})} for name, value in variables.items()]


def probes() -> dict[str, Any]:
    """When a pod gets requests, and when its container is started again: /ping answers in less than 2 seconds."""
    ping = {"httpGet": {"path": "/ping", "port": PORT}, "periodSeconds": PERIOD}
    attempts = math.ceil(capacity.start_seconds() / PERIOD)
    return {
        "startupProbe": {**ping, "timeoutSeconds": 2, "failureThreshold": attempts},
        "readinessProbe": {**ping, "timeoutSeconds": 2, "failureThreshold": 3},
        "livenessProbe": {**ping, "timeoutSeconds": 10, "failureThreshold": 6},
    }


def log_lines(kubectl: Kubectl, found: Deployed, since: float, follow: bool) -> Iterator[str]:
    """What the containers have written since a time."""
    selector = found.selector(kubectl)
    return kubectl.log_lines(selector, max(1, int(time.time() - since)), follow) if selector else iter(())


def new_lines(kubectl: Kubectl, found: Deployed, began: float) -> list[str]:
    """What they wrote during a deployment; nothing where that can't be seen."""
    try:
        return [*log_lines(kubectl, found, began - deployment.CLOCK_SKEW, follow=False)]
    except KubectlError as error:
        say(f"note: the log of the pods can't be seen: {error}")
        return []
