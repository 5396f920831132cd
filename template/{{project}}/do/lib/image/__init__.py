"""The project's image: what it holds, how it was built, and the containers made from it."""
