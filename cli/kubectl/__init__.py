"""The verbs of kubectl: get, describe, apply, delete, wait, edit and the like, on every kind."""
