"""Other ways to serve the same model, and what no server can beat; the apps run in environments of their own."""
