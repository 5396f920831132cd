"""do/serve: run the whole server here, without a container."""

from __future__ import annotations

from pathlib import Path

from lib import cli, config
from lib.local import entrypoint, environment, nginx
from lib.model import artifacts, versions
from lib.sagemaker_runtime import server as runtime

EPILOG = """\
The server runs as in the container: nginx, the web application and the model, with the packages from
requirements.txt. It logs to standard output. ctrl-C stops it after the requests in flight have finished.

With --sagemaker, your application calls the model with the code that calls the endpoint: the output says how. Only for
an asynchronous endpoint does this need AWS, because its requests and responses are in S3.

examples:
  do/serve
  do/serve --sagemaker
  do/serve --port 9000 --model /tmp/other-model --workers 1"""


def main() -> int:
    arguments = cli.parser("Serve the model on this machine, without a container.", EPILOG)
    arguments.add_argument("--port", type=int, metavar="PORT", help="default: PORT of do/config")
    arguments.add_argument("--model", type=Path, metavar="DIR", default=artifacts.MODEL_DIR, help="default: model/")
    arguments.add_argument("--workers", type=int, metavar="N", help="processes; default: one per CPU")
    runtime.add_option(arguments)
    options = cli.parse(arguments)
    port = options.port or int(config.load()["PORT"])
    if options.sagemaker:
        runtime.prepare(port)
    model_dir = options.model.resolve()
    artifacts.require(model_dir)
    versions.require_loadable(model_dir)
    entrypoint.require_free(port)
    python = environment.serving_python()
    own = {"PATH": nginx.path_with_nginx(), "SM_MODEL_DIR": str(model_dir)}
    workers = {"SERVING_WORKERS": str(options.workers)} if options.workers else {}
    return entrypoint.Server(python, port, own | workers).run(runtime.beside(port, options.sagemaker))
