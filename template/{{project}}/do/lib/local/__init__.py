"""What runs on this machine: the server, its containers, the environments of Python that they and the verbs need."""
