"""Conducts a command: plans a release, pins it, and drives the steps."""
