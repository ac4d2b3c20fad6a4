"""A hub that misbehaves on purpose: the rules, and the bad line for what TLS hides from both ends."""
