"""Argo CD, by its HTTP interface."""
