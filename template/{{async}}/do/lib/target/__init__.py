"""What is particular to an asynchronous endpoint. Each deployment target has modules of these names."""
