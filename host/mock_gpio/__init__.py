"""The mock board: an LED that remembers and a sensor that is told what to feel."""
