"""How the store is laid out: its tables, and what is read of them at once."""
