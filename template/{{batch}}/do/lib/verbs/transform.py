"""do/transform: predict a whole file, or all files of a place in S3, with a transform job."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib import cli, config
from lib.cli import ExitCode, VerbError, say
from lib.local import environment

if TYPE_CHECKING:
    from lib.aws.client import AwsClient
    from lib.aws.transforms import Job
    from lib.target.jobs import Data

EPILOG = """\
Runs the model that do/deploy created on TRANSFORM_INSTANCES instances, which stop when the job ends. A local file is
uploaded to the project's bucket, and its results are written beside it, as FILE.out. Results of data in S3 stay
there. If you stop waiting, the job goes on; run the same command again to wait for it. How the data is split,
filtered and joined with its results is in do/config. If one record is refused, its file has no results, and the job
fails.

examples:
  do/transform rows.csv
  do/transform s3://my-bucket/rows/    all files of a place that the role may read, see TRANSFORM_INPUT_URL
  do/transform rows.csv --dry-run      print each AWS call with its parameters, and change nothing
  do/transform --logs                  the log of the latest job
  do/transform --stop                  stop the latest job"""


def main() -> int:
    arguments = cli.parser("Predict a whole file with a SageMaker transform job.", EPILOG)
    arguments.add_argument("data", nargs="?", default="", help="a file or a place in S3; default: TRANSFORM_INPUT_URL")
    arguments.add_argument("--content-type", metavar="TYPE", default="", help="default: by DATA's suffix, or text/csv")
    arguments.add_argument("--accept", metavar="TYPE", default="", help="of the results; default: the content type")
    form = arguments.add_mutually_exclusive_group()
    form.add_argument("--stop", action="store_true", help="stop the latest job")
    form.add_argument("--logs", action="store_true", help="show the log of the latest job")
    arguments.add_argument("--dry-run", action="store_true", help="only show what would change")
    options = cli.parse(arguments)
    if options.data and (options.stop or options.logs):
        raise VerbError("--stop and --logs are for the latest job: leave out DATA", ExitCode.BAD_CONFIGURATION)
    environment.enter_verbs()
    from lib.aws.client import AwsClient

    config.require_sound()
    aws = AwsClient(options.dry_run)
    if options.stop:
        return stop(aws)
    return show_logs(aws) if options.logs else transform(aws, options)


def transform(aws: AwsClient, options: argparse.Namespace) -> int:
    """Start a job, or find the one that was started before, and wait for its results. Raises VerbError."""
    from lib.aws import plan
    from lib.target import jobs, product

    wanted = product.desired_state(aws)
    if not product.is_there(aws, wanted):
        raise VerbError("the project as it is now is not deployed: run do/deploy", ExitCode.MISSING_PREREQUISITE)
    data = jobs.data(aws, options.data, options.content_type, options.accept)
    parameters = jobs.parameters(aws, wanted.model.name, data)
    name = plan.reconciled(lambda: started(aws, data, parameters))
    if aws.dry_run:
        return ExitCode.OK
    finish(aws, name)
    print(fetched(aws, name, data.file) if data.file else jobs.output_url(aws, name))
    return ExitCode.OK


def started(aws: AwsClient, data: Data, parameters: dict[str, Any]) -> str:
    """The name of the job that does it, which is started unless it is there."""
    from lib.aws import names, objects, preflight
    from lib.target import capacity, endpoint_config, jobs

    name, found = jobs.name_of_next(aws, parameters, is_fixed=data.file is not None)
    if found:
        say(f"{name} was started before: it is {found.status}")
        return name
    preflight.require_quotas(aws, capacity.quotas({}))
    say(f"to do: start the transform job {name}")
    if data.file:
        bucket = names.bucket(aws.identity.account, aws.region)
        objects.put(aws, bucket, endpoint_config.INPUTS + data.url.partition(endpoint_config.INPUTS)[2], data.file)
    jobs.create(aws, name, parameters)
    return name


def finish(aws: AwsClient, name: str) -> None:
    """Wait until the job has ended. Raises VerbError unless it is Completed."""
    from lib.aws import failures, transforms

    job = transforms.settled(aws, name)
    if job.status == "Completed":
        return
    if job.status == "Stopped":
        raise VerbError(f"{name} was stopped: run do/transform again for a new job", ExitCode.FAILED)
    lines = transforms.log_lines(aws, name)
    for line in lines[-transforms.LINES_SHOWN :]:
        say(f"  {line}")
    raise VerbError(f"{name} is {job.status}: {failures.explained(job.reason, lines)}", ExitCode.FAILED)


def fetched(aws: AwsClient, name: str, file: Path) -> Path:
    """The file with the results of a file, which are downloaded."""
    from lib.aws import names
    from lib.target import jobs

    bucket, target = names.bucket(aws.identity.account, aws.region), file.with_name(f"{file.name}.out")
    body = aws.read("s3", "GetObject", Bucket=bucket, Key=jobs.result_key(name, file))["Body"]
    partial = target.with_name(f"{target.name}.partial")  # so that FILE.out is complete where there is one
    with partial.open("wb") as results:
        for piece in body.iter_chunks():
            results.write(piece)
    return partial.replace(target)


def stop(aws: AwsClient) -> int:
    """Stop the latest job. Raises VerbError if there is none."""
    from lib.aws import transforms

    job = latest(aws)
    if not job.is_moving:
        print(f"{job.name} is {job.status} already")
        return ExitCode.OK
    transforms.stop(aws, job.name)
    if not aws.dry_run:
        print(f"{job.name} is {transforms.settled(aws, job.name).status}")
    return ExitCode.OK


def show_logs(aws: AwsClient) -> int:
    """Print what the containers of the latest job have written. Raises VerbError if there is none."""
    from lib.aws import transforms

    for line in transforms.log_lines(aws, latest(aws).name):
        print(line)
    return ExitCode.OK


def latest(aws: AwsClient) -> Job:
    """The project's latest job. Raises VerbError if there is none."""
    from lib.aws import transforms

    job = next(transforms.latest(aws), None)
    if not job:
        raise VerbError("there is no transform job: run do/transform FILE", ExitCode.MISSING_FILE)
    return job
