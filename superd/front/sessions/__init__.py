"""Live sessions: which exist, when they must end, and how an operator sees them."""
