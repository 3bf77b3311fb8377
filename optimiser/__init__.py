"""Plans a depot's night of charging. Knows depots, tariffs, time and energy, never OCPP."""
