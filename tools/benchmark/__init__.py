"""The project's benchmark: figures, their goals, and the page that shows both."""
