"""The project's settings: do/config.env, each overridden by an environment variable of the same name."""

from __future__ import annotations

import difflib
import os
import re
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lib.cli import ROOT, ExitCode, VerbError

CONFIG_FILE = ROOT / "do" / "config.env"


@dataclass(frozen=True)
class Key:
    """A setting: what it is, which values it takes (a regular expression for the whole value) and an example."""

    description: str
    pattern: str
    example: str
    rendered: bool = False  # decides which files the project has, so only `copier update` can change it


def _numbers(first: int, last: int) -> str:
    """The pattern of the whole numbers from `first` to `last`."""
    return "|".join(map(str, range(first, last + 1)))


_TAG = r"(?!aws:|mcc-template:)[\w.:/+@-]{1,128}=[\w.:/+@-]{0,256}"
_VARIABLE = r"[A-Za-z_]\w{0,1023}=[\w.:/+%@=-]{0,1024}"

KEYS = {
    "PROJECT_NAME": Key(
        "2 to 46 lower-case letters, digits and single hyphens, with a letter first",
        r"(?=.{2,46}\Z)[a-z][a-z0-9]*(-[a-z0-9]+)*",
        "my-model",
    ),
    "MODEL_KIND": Key("predictive or generative", r"predictive|generative", "predictive", rendered=True),
    "FRAMEWORK": Key("the model's framework", r"sklearn|xgboost|tensorflow", "sklearn", rendered=True),
    "MODEL_FORMAT": Key(
        "the model file's format", r"pkl|joblib|json|model|ubj|keras|h5|SavedModel", "one that FRAMEWORK writes"
    ),
    "MODEL_ID": Key(
        "the model's name on the Hugging Face Hub", r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", "Qwen/Qwen3-4B"
    ),
    "MODEL_REVISION": Key("a branch, a tag or a commit of the model, or empty", r"|[A-Za-z0-9][\w./-]*", "main"),
    "HF_TOKEN_SECRET": Key(
        "the name or ARN of a secret of AWS Secrets Manager (never a token itself), or empty",
        r"(?!hf_[A-Za-z0-9]{8,}\Z)(|(arn:aws(-[a-z]+)*:secretsmanager:[a-z0-9-]+:\d{12}:secret:)?[\w/+=.@-]{1,512})",
        "hf-token",
    ),
    "NGC_KEY_SECRET": Key(
        "the name or ARN of a secret with the key for NVIDIA's registry (never the key itself), or empty",
        r"(?!nvapi-)(|(arn:aws(-[a-z]+)*:secretsmanager:[a-z0-9-]+:\d{12}:secret:)?[\w/+=.@-]{1,512})",
        "ngc-key",
    ),
    "INFERENCE_AMI_VERSION": Key(
        "the machine image that the endpoint's instances start with; its driver must fit the image's CUDA",
        r"[a-z0-9-]{1,63}",
        "al2023-ami-sagemaker-inference-gpu-4-1",
    ),
    "MODEL_SOURCE": Key("where the model comes from", r"sample|local|huggingface|s3|registry", "sample", rendered=True),
    "MODEL_DATA_URL": Key(
        "a .tar.gz in S3, or a prefix that ends in /, or empty",
        r"|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/([\w!.*=+@-]+/)*([\w!.*=+@-]+\.tar\.gz)?",
        "s3://my-bucket/models/model.tar.gz",
    ),
    "MODEL_PACKAGE_ARN": Key(
        "the ARN of a model package with its version, or empty",
        r"|arn:aws(-[a-z]+)*:sagemaker:[a-z0-9-]+:[0-9]{12}:model-package/[a-zA-Z0-9-]{1,63}(/[0-9]{1,9})?",
        "arn:aws:sagemaker:us-east-1:123456789012:model-package/my-model/1",
    ),
    "MODEL_SERVER": Key(
        "what answers the requests", r"flask|fastapi|vllm|sglang|tensorrt-llm|lmi|djl", "fastapi", rendered=True
    ),
    "PORT": Key(
        "the port where do/serve listens, and do/test and do/invoke look",
        r"[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5]",
        "8080",
    ),
    "BUILD_WITH": Key("what builds the image", r"codebuild|docker", "codebuild", rendered=True),
    "CODEBUILD_COMPUTE_TYPE": Key("the build machine", r"[A-Z0-9_]+", "BUILD_GENERAL1_MEDIUM"),
    "IMAGE_PLATFORM": Key("the image's platform; it must fit INSTANCE_TYPE", r"linux/(amd64|arm64)", "linux/amd64"),
    "DEPLOY_TARGET": Key("where the model is deployed", r"[a-z-]+", "realtime", rendered=True),
    "INSTANCE_TYPE": Key("the SageMaker instance type", r"ml\.[a-z0-9-]+\.[a-z0-9-]+", "ml.m5.large"),
    "AWS_REGION": Key("the AWS region", r"[a-z]{2,4}(-[a-z]+)+-\d", "us-east-1"),
    "ROLE_ARN": Key(
        "the role that SageMaker takes, or empty",
        r"|arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}",
        "arn:aws:iam::123456789012:role/service-role/my-role",
    ),
    "MIN_INSTANCES": Key("1 to 100 instances", _numbers(1, 100), "1"),
    "MAX_INSTANCES": Key("1 to 100 instances, no fewer than MIN_INSTANCES", _numbers(1, 100), "1"),
    "DEPLOYMENT_STRATEGY": Key("how an update replaces the instances", r"blue-green|rolling", "blue-green"),
    "ROUTING_STRATEGY": Key(
        "which instance gets a request", r"least-outstanding-requests|random", "least-outstanding-requests"
    ),
    "VOLUME_SIZE_GB": Key("the disk in GB, 1 to 512, or 0 to leave it to SageMaker", _numbers(0, 512), "0"),
    "STARTUP_TIMEOUT": Key("60 to 3600 seconds until the container answers", _numbers(60, 3600), "600"),
    "DOWNLOAD_TIMEOUT": Key("60 to 3600 seconds to download the model", _numbers(60, 3600), "600"),
    "VPC_SUBNETS": Key(
        "up to 16 ids of subnets with commas between them, or empty",
        r"|subnet-[0-9a-z]{1,25}(,subnet-[0-9a-z]{1,25}){0,15}",
        "subnet-0a1b2c3d,subnet-4e5f6a7b",
    ),
    "VPC_SECURITY_GROUPS": Key(
        "up to 5 ids of security groups with commas between them, or empty",
        r"|sg-[0-9a-z]{1,29}(,sg-[0-9a-z]{1,29}){0,4}",
        "sg-0a1b2c3d",
    ),
    "KMS_KEY": Key("the id, ARN or alias of a KMS key, or empty", r"[a-zA-Z0-9:/_-]{0,2048}", "alias/my-key"),
    "NETWORK_ISOLATION": Key("whether the container is cut off from the network", r"true|false", "false"),
    "TAGS": Key("up to 40 tags key=value with commas between them, or empty", rf"|{_TAG}(,{_TAG}){{0,39}}", "team=a"),
    "DATA_CAPTURE_PERCENT": Key("0 to 100 percent of the requests", _numbers(0, 100), "0"),
    "DATA_CAPTURE_URL": Key(
        "a place in S3, or empty",
        r"|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w!.*/=+@-]*)?",
        "s3://my-bucket/captured",
    ),
    "CONTAINER_ENVIRONMENT": Key(
        "up to 100 variables NAME=value with commas between them, or empty",
        rf"|{_VARIABLE}(,{_VARIABLE}){{0,99}}",
        "SERVING_WORKERS=2",
    ),
}


# the settings that the server in the container reads, and the variables that it reads them from
CONTAINER_VARIABLES = {"MODEL_ID": "HF_MODEL_ID", "MODEL_REVISION": "HF_REVISION", "HF_TOKEN_SECRET": "HF_TOKEN_SECRET"}


class Settings(Mapping[str, str]):
    """The settings in force. Looking one up raises VerbError where it is missing or makes no sense."""

    def __init__(self, file_values: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self.file_values = file_values
        self.overrides = {key: environment[key] for key in KEYS if key in environment}
        self._values = {**file_values, **self.overrides}

    def __getitem__(self, key: str) -> str:
        check_key(key)
        if key not in self._values:
            raise VerbError(
                f"{key} is not in do/config.env: type do/config set {key} {KEYS[key].example}",
                ExitCode.BAD_CONFIGURATION,
            )
        check_value(key, self._values[key], "in the environment" if key in self.overrides else "in do/config.env")
        return self._values[key]

    def __contains__(self, key: object) -> bool:
        return key in self._values  # some are settings of some projects only

    def __iter__(self) -> Iterator[str]:
        return iter(key for key in KEYS if key in self._values)

    def __len__(self) -> int:
        return len(self._values)


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read do/config.env. Raises VerbError for a line that can't be used."""
    return Settings(parse(_read()), environment)


def container_variables() -> dict[str, str]:
    """The environment that every container of this project gets, here and on AWS."""
    current = load()
    return {CONTAINER_VARIABLES[key]: current[key] for key in current if key in CONTAINER_VARIABLES and current[key]}


def parse(text: str) -> dict[str, str]:
    """The values of a dotenv file (KEY=VALUE, quoted as in the shell). Raises VerbError with the line's number."""
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            key, value = _parse_line(line)
            check_key(key)
            if key in values:
                raise ValueError(f"{key} is there twice")
        except (ValueError, VerbError) as error:
            raise VerbError(f"line {number} of do/config.env: {error}", ExitCode.BAD_CONFIGURATION) from None
        values[key] = value
    return values


def set_value(key: str, value: str) -> str | None:
    """Write a setting into do/config.env and return what it was. Raises VerbError where it can't be set."""
    check_key(key)
    if KEYS[key].rendered:
        raise VerbError(
            f"{key} decides which files the project has: "
            f"type copier update --trust --data {key.lower()}={shlex.quote(value)}",
            ExitCode.BAD_CONFIGURATION,
        )
    check_value(key, value, "given")
    text = _read()
    before = parse(text).get(key)
    line = f"{key}={shlex.quote(value) if value else ''}\n"
    if before is None:
        _write(text + line)
    else:
        _write(re.sub(rf"^[ \t]*{key}[ \t]*=.*\n?", lambda _: line, text, count=1, flags=re.MULTILINE))
    return before


def check_key(key: str) -> None:
    """Raise VerbError unless it is a setting's name; the error names the nearest one."""
    if key in KEYS:
        return
    near = difflib.get_close_matches(key.upper(), KEYS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(KEYS)}"
    raise VerbError(f"unknown setting {key!r}: {hint}", ExitCode.BAD_CONFIGURATION)


def check_value(key: str, value: str, where: str) -> None:
    """Raise VerbError unless the setting can have this value."""
    if not re.fullmatch(KEYS[key].pattern, value, re.ASCII):
        raise VerbError(
            f"{key}={value!r} ({where}) is wrong: it should be {KEYS[key].description}, such as {KEYS[key].example}",
            ExitCode.BAD_CONFIGURATION,
        )


def _parse_line(line: str) -> tuple[str, str]:
    key, equals, rest = line.partition("=")
    words = shlex.split(rest, comments=True)
    if not equals or len(words) > 1:
        raise ValueError("should be KEY=VALUE, in quotes where the value has blanks")
    return key.strip(), words[0] if words else ""


def _read() -> str:
    try:
        return CONFIG_FILE.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise VerbError(
            "do/config.env is missing: type git checkout do/config.env, or copier recopy", ExitCode.MISSING_FILE
        ) from None


def _write(text: str) -> None:
    """Replace the file at once, so that no reader sees half of it."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=CONFIG_FILE.parent, delete=False) as file:
        file.write(text)
    Path(file.name).chmod(CONFIG_FILE.stat().st_mode)
    Path(file.name).replace(CONFIG_FILE)
