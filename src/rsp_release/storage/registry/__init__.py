"""Container registries, by the OCI distribution specification."""
