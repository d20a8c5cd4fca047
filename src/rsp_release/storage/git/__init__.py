"""The clone, its history and its remote."""
