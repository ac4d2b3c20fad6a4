"""File upload: which device may put which file into the store, and who is told of it."""
