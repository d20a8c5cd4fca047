"""Lands the change log: the version's entry is on the release branch."""
