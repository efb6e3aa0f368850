"""What this machine has and allows: cores, GPUs, folders, firewall, engine."""
