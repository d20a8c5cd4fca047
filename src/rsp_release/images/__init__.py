"""Container images: whether they are the right ones."""
