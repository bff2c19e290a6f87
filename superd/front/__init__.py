"""The front: an unprivileged process without capabilities. Accepts, admits and decides; starts nothing itself."""
