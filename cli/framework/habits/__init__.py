"""What people bring along from docker, incus and kubectl (words, options, orders), led to ours. Pure."""
