"""What is done to many devices at once: jobs, and configurations."""
