"""The bench that a board of this computer lies on: what is seen of it and done to it from the hub's page.

``twinkle run`` serves it on a socket in the device's directory, which its owner alone can reach, and lays a note of
that into the directory of the hub, where its page finds it. Nothing here is asked of the device: its LED is what its
pin shows, its sensor is told what the room is like, its line runs through a switch, its power is its process.
"""
