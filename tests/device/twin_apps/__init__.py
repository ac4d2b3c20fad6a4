"""Small applications for the stories of this room."""
