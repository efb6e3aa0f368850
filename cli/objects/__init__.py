"""Verbs on objects of any kind, one file per verb. Holds nothing."""
