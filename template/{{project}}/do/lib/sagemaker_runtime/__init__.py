"""Stands in for the SageMaker runtime in front of a server on this machine: the wire format that AWS's SDKs speak.

The shapes, patterns and limits are those of the API's own model, `sagemaker-runtime` of 2017-05-13 in botocore:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Runtime.html
"""
