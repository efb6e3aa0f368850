"""What is booked on a node, and in which words it is refused. Pure, but for the key of the proofs."""
