"""Drills: whole engines on real threads, processes and databases, broken on purpose."""
