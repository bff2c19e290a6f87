"""What superd's own processes say to each other: one file a channel, used by both of its ends."""
