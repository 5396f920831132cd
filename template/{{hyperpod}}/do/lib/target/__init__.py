"""What is particular to a SageMaker HyperPod cluster. Each deployment target has modules of these names."""

CONTAINER_VARIABLES: dict[str, str] = {}  # the environment of every container, here and on AWS
UNPACKS_MODELS = False  # in S3, from a .tar.gz: the files under a prefix are mounted as they are
