"""The API server as commands see it: requests, what changes, waiting until something is so."""
