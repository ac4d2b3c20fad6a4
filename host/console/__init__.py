"""The technician's end of the console."""
