"""What is particular to an asynchronous endpoint. Each deployment target has modules of these names."""

CONTAINER_VARIABLES: dict[str, str] = {}  # the environment of every container, here and on AWS
UNPACKS_MODELS = True  # in S3, from a .tar.gz
