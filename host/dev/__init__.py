"""For authors of applications: a new one, and one that is being written, running."""
