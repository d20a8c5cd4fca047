"""Which version comes next, and what decides it."""
