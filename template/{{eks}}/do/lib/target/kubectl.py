"""kubectl, which talks to the cluster: the version that the user has, with a kubeconfig of the project's own."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib import programs
from lib.aws.client import described
from lib.aws.redaction import redacted
from lib.aws.tables import read_table
from lib.cli import ExitCode, VerbError, log

# the target's own rows come first
TABLES = [Path(__file__).with_name(name) for name in ("own_refusals.yml", "refusals.yml")]
FORWARDED = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")
SEPARATOR = "\n---\n"  # of the documents in a stream of YAML, which JSON is
REQUEST_SECONDS = 60  # that kubectl waits for an answer


class KubectlError(VerbError):
    """A request that the cluster refused. `text` is what kubectl said."""

    def __init__(self, message: str, exit_code: ExitCode, text: str) -> None:
        super().__init__(message, exit_code)
        self.text = text


@dataclass(frozen=True)
class Kubectl:
    """kubectl for a namespace of a cluster. With `dry_run`, what would be changed is printed, and nothing is.

    Every method raises KubectlError, or VerbError where kubectl isn't installed.
    """

    kubeconfig: Path
    namespace: str
    dry_run: bool = False

    def find(self, resource: str, name: str) -> dict[str, Any] | None:
        """An object; None if there is none."""
        text = self._run("get", resource, name, "--ignore-not-found", "--output", "json")
        return dict(json.loads(text)) if text.strip() else None

    def find_all(self, resources: Sequence[str], name: str) -> list[dict[str, Any]]:
        """The objects of a name that there are of these kinds."""
        places = [f"{resource}/{name}" for resource in resources]
        text = self._run("get", *places, "--ignore-not-found", "--output", "json")
        found = json.loads(text) if text.strip() else {"items": []}
        return list(found.get("items", [found]))

    def listed(self, resource: str, selector: str = "") -> list[dict[str, Any]]:
        """All objects of a kind, or those that a selector chooses."""
        chosen = ["--selector", selector] if selector else []
        return list(json.loads(self._run("get", resource, *chosen, "--output", "json"))["items"])

    def offers(self, group_version: str, resource: str) -> bool:
        """Whether the cluster knows a kind of objects, which everybody who is signed in may see."""
        try:
            text = self._run("get", "--raw", f"/apis/{group_version}")
        except KubectlError as error:
            if re.search("NotFound|could not find the requested resource", error.text):
                return False
            raise
        return any(row["name"] == resource for row in json.loads(text)["resources"])

    def apply(self, *manifests: Mapping[str, Any]) -> None:
        """Create objects, or change them to these."""
        self._send(["apply", "--filename", "-"], manifests)

    def remember_applied(self, manifest: Mapping[str, Any]) -> None:
        """Let an object have been applied as this, and stay as it is: what isn't in it, kubectl won't remove."""
        self._send(["apply", "set-last-applied", "--filename", "-"], [manifest])

    def _send(self, command: list[str], manifests: Sequence[Mapping[str, Any]]) -> None:
        if self.dry_run:
            texts = SEPARATOR.join(map(described, manifests))
            print(f"would run kubectl {' '.join(command)} --namespace {self.namespace}\n{texts}")
            return
        self._run(*command, stdin=SEPARATOR.join(map(json.dumps, manifests)))

    def delete(self, resource: str, name: str) -> None:
        """Let an object be deleted; what belongs to it goes after that."""
        command = ["delete", resource, name, "--ignore-not-found", "--wait=false"]
        if self.dry_run:
            print(f"would run kubectl {' '.join(command)} --namespace {self.namespace}")
            return
        self._run(*command)

    def log_lines(self, selector: str, seconds: int, follow: bool = False) -> Iterator[str]:
        """What the containers of pods have written, oldest line of each pod first."""
        options = ["--selector", selector, f"--since={seconds}s", "--tail=-1", "--all-containers", "--prefix=false"]
        if not follow:
            yield from self._run("logs", *options).splitlines()
            return
        process = programs.start(self._command("logs", *options, "--follow"), output=programs.PIPE)
        assert process.stdout
        for line in process.stdout:
            yield line.rstrip("\n")

    @contextmanager
    def forwarded(self, place: str, port: int) -> Iterator[str]:
        """The URL of a port of a pod, or of a service's first pod, on this machine."""
        process = programs.start(self._command("port-forward", place, f":{port}"), output=programs.PIPE)
        assert process.stdout
        try:
            lines = []
            for line in process.stdout:
                if found := FORWARDED.search(line):
                    # it writes a line per connection, and stops where nobody reads them
                    threading.Thread(target=process.stdout.read, daemon=True).start()
                    yield f"http://127.0.0.1:{found[1]}"
                    return
                lines.append(line)
            raise _explained("\n".join(lines), self.namespace)
        finally:
            process.terminate()
            process.wait()

    def _command(self, *arguments: str) -> Sequence[str]:
        return ["kubectl", "--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace, *arguments]

    def _run(self, *arguments: str, stdin: str | None = None) -> str:
        log.debug("kubectl %s", " ".join(arguments))
        done = programs.attempt(self._command(f"--request-timeout={REQUEST_SECONDS}s", *arguments), stdin=stdin)
        if done.returncode:
            raise _explained(done.stderr, self.namespace)
        return done.stdout


def _explained(text: str, namespace: str) -> KubectlError:
    """The error for what kubectl said, in one line that says what to do."""
    lines = [line for line in text.splitlines() if line.strip()]
    said = redacted(lines[-1].removeprefix("Error from server ") if lines else "kubectl failed without a word")
    for row in (row for table in TABLES for row in read_table(table)):
        if re.search(row["pattern"], text):
            meaning = row["meaning"].format(namespace=namespace)
            return KubectlError(f"{meaning} ({said})", ExitCode[row["exit_code"]], text)
    return KubectlError(f"kubectl: {said}", ExitCode.AWS_ERROR, text)
