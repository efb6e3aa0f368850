"""Everything under `registry/`, kept current by one store watch."""
