"""The arithmetic of what a node gives: cores, memory, devices, ports. Pure."""
