"""Adapters to the world outside: git, GitHub, registries."""
