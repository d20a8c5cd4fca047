"""Which image is which, and what its tag pointed to."""
