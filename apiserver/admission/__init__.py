"""What is allowed in, beyond its form: rules of each kind, and Policies."""
