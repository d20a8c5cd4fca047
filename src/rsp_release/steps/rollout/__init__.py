"""The roll-out: what it sees, and what it decides."""
