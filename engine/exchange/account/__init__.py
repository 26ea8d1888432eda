"""The account at the broker: orders, books, order stream and what goes wrong with them."""
