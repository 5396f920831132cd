"""do/serve: start the engine here, without a container."""

from __future__ import annotations

import sys
from pathlib import Path

from lib import cli, config
from lib.cli import ROOT
from lib.local import entrypoint, nginx
from lib.model import artifacts
from lib.sagemaker_runtime import server as runtime

EPILOG = """\
The engine must be installed on this machine, with its command on PATH. It starts as in the container, with
serving/engine.yml and the environment variables. ctrl-C stops it after the requests in flight have finished.

With --sagemaker, your application calls the model with the code that calls the endpoint: the output says how. Only for
an asynchronous endpoint does this need AWS, because its requests and responses are in S3.

examples:
  do/serve
  do/serve --sagemaker
  do/serve --port 9000 --model /tmp/other-model"""


def main() -> int:
    arguments = cli.parser("Start the engine on this machine, without a container.", EPILOG)
    arguments.add_argument("--port", type=int, metavar="PORT", help="default: PORT of do/config")
    arguments.add_argument("--model", type=Path, metavar="DIR", help="a folder with a model; default: MODEL_ID")
    runtime.add_option(arguments)
    options = cli.parse(arguments)
    port = options.port or int(config.load()["PORT"])
    if options.sagemaker:
        runtime.prepare(port)
    entrypoint.require_free(port)
    environment = config.container_variables()
    if options.model:
        artifacts.require(options.model.resolve())
        environment["SM_MODEL_DIR"] = str(options.model.resolve())
    if (ROOT / "serving" / "nginx.conf").exists():
        environment["PATH"] = nginx.path_with_nginx()
    return entrypoint.Server(Path(sys.executable), port, environment).run(runtime.beside(port, options.sagemaker))
