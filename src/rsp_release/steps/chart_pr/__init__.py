"""Proposes the deployment: its pull request is open."""
