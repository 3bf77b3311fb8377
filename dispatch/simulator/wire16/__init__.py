"""A simulated charge point of OCPP 1.6: its words for what happens, and its reading of what it is asked."""
