"""What if: a grid of changes to a depot and its nights, planned on all cores, as one table.

From values that a planner writes to changes, from combinations to outcomes, from outcomes to the table. Knows the
planner as one function, and nothing of terminals or pictures.
"""

from optimiser.sweep.engine import COLUMNS, Progress, Sweep, prepare
from optimiser.sweep.values import Values
from optimiser.sweep.workers import Client

__all__ = ["COLUMNS", "Client", "Progress", "Sweep", "Values", "prepare"]
