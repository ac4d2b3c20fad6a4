"""Identities and access: whose keys, tokens, policies and authorities open what."""
