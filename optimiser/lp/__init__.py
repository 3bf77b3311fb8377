"""Problem → optimum: the linear program of a night. The only user of PuLP and of the solver behind it.

``model`` writes the night down as mathematics, ``live`` talks to the solver, ``program`` asks the questions.
"""

from optimiser.lp.live import SolverError
from optimiser.lp.program import LinearProgram, Optimum, Priced

__all__ = ["LinearProgram", "Optimum", "Priced", "SolverError"]
