"""The account at Zerodha Kite as the world has it, and what goes wrong there (FLT-16 to 50)."""
