"""Kinds that are shown and never stored: others' objects, in the forms that Kubernetes' clients know."""
