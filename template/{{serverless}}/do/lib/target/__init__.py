"""What is particular to a serverless endpoint. Each deployment target has modules of these names."""

# The environment of every container, here and on AWS. SageMaker recommends one worker, and its CPUs are shares that
# grow with the memory, which the container can't count.
CONTAINER_VARIABLES = {
    "SERVING_WORKERS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
}
UNPACKS_MODELS = True  # in S3, from a .tar.gz
