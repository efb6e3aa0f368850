"""What the four programs share: resource kinds, quantities, errors, time, and the API client."""

__version__ = "0.1.0"
