"""Policies: which namespaces each chooses, and what it demands of the VPSes and Tokens there."""
