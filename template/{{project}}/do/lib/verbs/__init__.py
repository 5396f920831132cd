"""One module for each verb in do/."""
