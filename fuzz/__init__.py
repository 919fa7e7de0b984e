"""Hostile input, made in bulk: see README.md."""
