"""What is particular to a Kubernetes cluster. Each deployment target has modules of these names."""

CONTAINER_VARIABLES: dict[str, str] = {}  # the environment of every container, here and on AWS
UNPACKS_MODELS = False  # from S3: the model is in the image, or comes from the Hub
