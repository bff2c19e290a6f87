"""Programs: what the front asks of the launchers, and what they report."""
