"""A connection to something that runs in a VPS, which outlives a broken link."""
