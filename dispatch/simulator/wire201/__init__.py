"""A simulated charging station of OCPP 2.0.1: its words for what happens, and its reading of what it is asked."""
