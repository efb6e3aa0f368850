"""What can be told afterwards: a line for what was opened, written or refused, and bounds to them."""
