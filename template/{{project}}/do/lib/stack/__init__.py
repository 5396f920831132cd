"""The endpoint as a template of CloudFormation: what the verbs would send, as resources."""
