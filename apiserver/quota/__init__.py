"""What a namespace may take in all: its quotas, what is taken, and what is refused for it."""
