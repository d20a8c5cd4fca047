"""The change log: its entries, the notes of a release, and scriv."""
