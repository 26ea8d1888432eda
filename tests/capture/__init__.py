"""Captured sessions: their files, the rooms that write them, the replay that reads them."""
