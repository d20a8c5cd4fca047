"""Commands: arguments become requests, events become a view."""
