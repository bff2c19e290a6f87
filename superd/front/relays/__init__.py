"""The front's end of the relays: which sessions they carry, what they report, what is lost with one that dies."""
