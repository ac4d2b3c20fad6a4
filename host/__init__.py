"""Twinkle on a person's computer: the local hub, the mock board, flashing, the console and service verbs."""
