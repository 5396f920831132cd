"""What is particular to batch transform. Each deployment target has modules of these names."""

# The environment of every container, here and on AWS.
CONTAINER_VARIABLES: dict[str, str] = {}
UNPACKS_MODELS = True  # in S3, from a .tar.gz
