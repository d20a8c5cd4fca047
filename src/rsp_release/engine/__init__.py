"""Looks, decides, acts, and looks again."""
