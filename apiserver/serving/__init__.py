"""HTTP: routes and what stands before them, the forms of an answer, discovery and schemas."""
