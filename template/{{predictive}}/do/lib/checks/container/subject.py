"""The image under test, and the containers that checks start from it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lib import target
from lib.image import containers
from lib.image.container_engine import ContainerEngine
from lib.image.containers import SERVER_PORT, Container
from lib.image.images import Image
from lib.local import container as local_container

LIMITS = Path(__file__).with_name("limits.json")
PATIENCE = 3  # times the limit; a start that takes longer than the limit is measured, too, and fails its check
# as SageMaker starts a container, and more: what it doesn't need there it doesn't get here
AS_SAGEMAKER = (*local_container.READ_ONLY, "--cap-drop", "ALL")


@dataclass(frozen=True)
class Started:
    """A container that serves."""

    container: Container
    url: str
    seconds: float  # from `docker run` to the first 200 of /ping

    @property
    def port(self) -> int:
        """Its port on this machine."""
        return int(self.url.rpartition(":")[2])


class Subject:
    """An image; leaving its context removes every container that was started."""

    def __init__(self, engine: ContainerEngine, image: Image, model_dir: Path | None) -> None:
        self.engine = engine
        self.image = image
        self.model_dir = model_dir
        self._shared: Started | None = None
        self._containers = ExitStack()

    def __enter__(self) -> Subject:
        return self

    def __exit__(self, *exception: object) -> None:
        self._containers.close()

    @cached_property
    def start_limit(self) -> int:
        """Seconds within which the first ping has to answer 200."""
        return int(json.loads(LIMITS.read_text(encoding="utf-8"))["start_limit_seconds"])

    def configuration(self) -> dict[str, Any]:
        """What the image says of itself: its entrypoint, labels and so on."""
        found = self.engine.inspect("image", self.image.name)
        return dict(found["Config"]) if found else {}

    def shared(self) -> Started:
        """The container that checks share; a new one where a check has ended it. Raises VerbError."""
        state = self._shared.container.state() if self._shared else None
        if not self._shared or not state or not state.running:
            self._shared = self._containers.enter_context(self.started())
        return self._shared

    @contextmanager
    def started(self, *options: str, port: int = SERVER_PORT) -> Iterator[Started]:
        """A container of its own that serves. Raises VerbError where it doesn't come to that."""
        began = time.monotonic()
        with self.run("--publish", f"127.0.0.1::{port}", *options) as container:
            if not local_container.wait_until_ready(container, PATIENCE * self.start_limit, port):
                raise local_container.failure(container)
            yield Started(container, container.url(port), time.monotonic() - began)

    @contextmanager
    def run(self, *options: str, with_model: bool = True) -> Iterator[Container]:
        """A container of its own, started as SageMaker does, whatever becomes of it. Raises VerbError."""
        mounted = local_container.mount(self.model_dir) if self.model_dir and with_model else []
        container = containers.start(
            self.engine,
            self.image.name,
            *AS_SAGEMAKER,
            *(word for pair in target.CONTAINER_VARIABLES.items() for word in ("--env", "=".join(pair))),
            *local_container.memory(),
            *mounted,
            *options,
        )
        try:
            yield container
        finally:
            container.remove()
