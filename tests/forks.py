"""Runs verbs in forks of one Python that has imported what they need already: 0.1 s of CPU instead of 0.6 s.

A fork has the arguments, folder, environment and files of the process that it stands for, runs the script as
`__main__`, and ends as Python ends, so exit code and output are the same. It starts where a real verb is after it has
gone on in do/.venv, or in do/.venv-update; tests/verbs starts other verbs as users do.
`python tests/forks.py SOCKET boto3`, `... numpy` or `... copier` is the Python that is forked. The last one also forks
where do/update starts `python -m copier`.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

SERVICES = (
    *("sagemaker", "sagemaker-runtime", "sts", "iam", "ecr", "s3", "codebuild", "logs", "secretsmanager"),
    *("application-autoscaling", "cloudwatch", "service-quotas", "ec2", "pricing"),
)

Done = subprocess.CompletedProcess[str]


class Forks:
    """A Python that is forked for each verb."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def run(
        self, command: Sequence[str], cwd: Path, environment: Mapping[str, str], stdin: str, timeout: float
    ) -> Done:
        """Run a Python script to its end, as `subprocess.run` does with `capture_output` and `text`."""
        with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            given.write(stdin)
            given.seek(0)
            request = json.dumps({"argv": [*command], "cwd": str(cwd), "env": {**environment}}).encode()
            descriptors = [given.fileno(), out.fileno(), errors.fileno()]
            self.connection.settimeout(timeout)
            socket.send_fds(self.connection, [len(request).to_bytes(4, "big")], descriptors)
            self.connection.sendall(request)
            answer = receive(self.connection, 4)
            if len(answer) < 4:
                raise ConnectionError("the Python that is forked has ended")
            code = int.from_bytes(answer, "big", signed=True)
            texts = [read_all(file) for file in (out, errors)]
        return subprocess.CompletedProcess([*command], code, *texts)


@contextmanager
def started(python: Path, folder: Path, imports: str) -> Iterator[Forks]:
    """A Python that waits for verbs to run. `imports`: boto3, copier or numpy."""
    ours, theirs = socket.socketpair()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [str(python), __file__, str(theirs.fileno()), imports]
    server = subprocess.Popen(command, pass_fds=[theirs.fileno()], cwd=folder, env=environment)
    theirs.close()
    from tests.times import counted  # not where this file is the Python that is forked

    with ours, counted(server.pid):
        yield Forks(ours)
        ours.shutdown(socket.SHUT_RDWR)
        server.wait(30)


def receive(connection: socket.socket, count: int) -> bytes:
    """So many bytes; nothing where the other side has closed."""
    data = b""
    while len(data) < count and (part := connection.recv(count - len(data))):
        data += part
    return data


def warm_up_copier() -> None:
    """Import what do/update and Copier import, and let tests/fast_copier.py parse the catalog."""
    for module in ("copier_template_extensions", "yaml"):
        importlib.import_module(module)
    import yaml

    for table in (Path(__file__).parents[1] / "extensions/catalog").glob("*.yml"):
        yaml.load(table.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    subprocess.run = forking(subprocess.run)


def forking(run: Any) -> Any:
    """`subprocess.run` that forks for `python -m copier`, whose output is captured as text."""

    def run_or_fork(command: Sequence[str], **options: Any) -> Done:
        if [*command[:3]] != [sys.executable, "-m", "copier"]:
            done: Done = run(command, **options)
            return done
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            child = os.fork()
            if child == 0:
                request = {"argv": ["copier", *command[3:]], "cwd": options["cwd"], "env": {**os.environ}}
                become(request, [os.dup(file.fileno()) for file in (given, out, errors)])
                run_and_exit(lambda: runpy.run_module("copier", run_name="__main__"))
            _, status = os.waitpid(child, 0)
            texts = [read_all(file) for file in (out, errors)]
        return subprocess.CompletedProcess([*command], os.waitstatus_to_exitcode(status), *texts)

    return run_or_fork


def read_all(file: IO[bytes]) -> str:
    """What is in a temporary file."""
    file.seek(0)
    return file.read().decode()


def warm_up_boto3() -> None:
    """Import what verbs import, and keep the files that describe AWS's services."""
    import botocore.session

    for module in ("argparse", "boto3.s3.inject", "difflib", "httpcore", "httpx", "yaml"):
        importlib.import_module(module)
    share_what_botocore_keeps()
    share_certificates()
    session = botocore.session.get_session()
    for service in SERVICES:
        client = session.create_client(
            service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        _ = client.exceptions
        client.close()


def share_certificates() -> None:
    """Let all clients of httpx have one context of TLS: to read the authorities takes 50 ms."""
    import functools

    import httpx._transports.default

    transports: Any = httpx._transports.default
    transports.create_ssl_context = functools.cache(transports.create_ssl_context)
    httpx.HTTPTransport().close()


def share_what_botocore_keeps(apart: str | None = None) -> None:
    """Let all sessions of botocore have the files, services, errors and names of events that one session has found.

    `apart`: a service whose model each session reads for itself.
    """
    import functools

    import botocore.errorfactory
    import botocore.hooks
    import botocore.loaders

    files: Any = botocore.loaders.JSONFileLoader
    read_again = files().load_file
    read = functools.cache(read_again)
    files.load_file = lambda _, path: (read_again if Path(path).parts[-3:-2] == (apart,) else read)(path)
    services: Any = botocore.loaders.Loader
    listed = functools.cache(botocore.loaders.create_loader().list_available_services)
    services.list_available_services = lambda _, type_name: listed(type_name)
    factory: Any = botocore.errorfactory.ClientExceptionsFactory
    exceptions: dict[str, Any] = {}
    factory.__init__ = lambda self: setattr(self, "_client_exceptions_cache", exceptions)
    events: Any = botocore.hooks.EventAliaser
    names: dict[str, str] = {}
    begin = events.__init__

    def begin_with_names(self: Any, *arguments: Any, **more: Any) -> None:
        begin(self, *arguments, **more)
        self._alias_name_cache = names

    events.__init__ = begin_with_names


def serve(connection: socket.socket) -> None:
    """Fork for each request; returns in the fork, which then is the process that was asked for."""
    while True:
        length, descriptors, _, _ = socket.recv_fds(connection, 4, 3)
        if not length:
            sys.exit()
        request = json.loads(receive(connection, int.from_bytes(length, "big")))
        child = os.fork()
        if child == 0:
            connection.close()
            become(request, descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)
        _, status = os.waitpid(child, 0)
        connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))


def become(request: dict[str, Any], descriptors: Sequence[int]) -> None:
    """Take the arguments, folder, environment and files of the process that was asked for."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv[:] = request["argv"]
    sys.path[0] = str(Path(sys.argv[0]).parent.resolve())
    signal.signal(signal.SIGINT, signal.default_int_handler)


def run_and_exit(run: Callable[[], object]) -> None:
    """Run a script and end as Python does, but leave what was imported before the fork where it is."""
    try:
        run()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    else:
        code = 0
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    if sys.argv[2] == "boto3":
        warm_up_boto3()
    elif sys.argv[2] == "copier":
        warm_up_copier()
    else:
        importlib.import_module(sys.argv[2])
    gc.collect()
    gc.freeze()  # a fork that looks at what it shares has to copy it first
    serve(socket.socket(fileno=int(sys.argv[1])))
    run_and_exit(lambda: runpy.run_path(sys.argv[0], run_name="__main__"))
