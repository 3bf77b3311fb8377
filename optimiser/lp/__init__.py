"""Problem → optimum: the linear program of a night. The only user of PuLP and of the solver behind it.

``model`` writes the night down as mathematics, ``live`` talks to the solver, ``program`` asks the questions,
``scenarios`` those of a night whose arrivals are uncertain.
"""

from optimiser.lp.live import SolverError
from optimiser.lp.program import LinearProgram, Optimum, Priced
from optimiser.lp.scenarios import covering

__all__ = ["LinearProgram", "Optimum", "Priced", "SolverError", "covering"]
