"""The devices of a hub: what is known of each, found and kept."""
