"""The log: events become lines, lines go to sinks."""
