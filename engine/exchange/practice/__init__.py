"""A practice exchange that speaks Kite: everything of it that decides."""
