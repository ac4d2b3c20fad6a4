"""Messages and events: what devices send, what is sent to them, and what a hub tells whoever watches."""
