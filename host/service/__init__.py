"""Service verbs: what a back end does to devices, by connection string."""
