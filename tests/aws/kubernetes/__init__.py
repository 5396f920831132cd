"""A HyperPod cluster as kubectl sees it: the API server, the inference operator behind it, and the real kubectl."""
