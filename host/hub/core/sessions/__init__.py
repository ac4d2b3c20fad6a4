"""Live connections: who is admitted, what a device may do, and the method calls that wait for it."""
