"""Completion in the shell: `completion` prints scripts, which ask `candidates` at each Tab. Holds nothing."""
