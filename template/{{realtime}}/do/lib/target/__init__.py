"""What is particular to a real-time endpoint. Each deployment target has modules of these names."""
