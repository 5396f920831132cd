"""What is particular to a real-time endpoint. Each deployment target has modules of these names."""

CONTAINER_VARIABLES: dict[str, str] = {}  # the environment of every container, here and on AWS
