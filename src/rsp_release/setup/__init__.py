"""What makes a repository ready to be released."""
