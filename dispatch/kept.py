"""Remembers what pure functions of large values have come to, by the very objects that they were given.

A plan of sixty vehicles takes longer to hash than most of what is asked of it. Nothing that is kept here is state:
whoever forgets all of it computes the same again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import Generic, TypeVar, TypeVarTuple, Unpack

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")
_Kept = OrderedDict[tuple[int, ...], tuple[tuple[object, ...], Result]]


def kept(
    size: int,
) -> Callable[[Callable[[Unpack[Arguments]], Result]], Callable[[Unpack[Arguments]], Result]]:
    """A pure function of values that never change, not computed again while its arguments are the same objects.

    At most ``size`` results are kept. Equal arguments that are other objects are computed anew.
    """

    def decorate(
        function: Callable[[Unpack[Arguments]], Result],
    ) -> Callable[[Unpack[Arguments]], Result]:
        results: _Kept[Result] = OrderedDict()

        @wraps(function)
        def remembered(*arguments: *Arguments) -> Result:
            key = tuple(map(id, arguments))
            known = results.get(key)
            if known is None:
                # The arguments are kept too: as long as they live nothing else can have their identities.
                known = results[key] = arguments, function(*arguments)
                if len(results) > size:
                    results.popitem(last=False)
            return known[1]

        return remembered

    return decorate


class Recent(Generic[Result]):
    """The last few of large values: whoever has read one anew is given the equal object that is known already."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: list[Result] = []

    def same(self, value: Result) -> Result:
        """The first object that was equal to a value, or the value itself."""
        for known in self._values:
            if known is value or known == value:
                return known
        self._values = [value, *self._values][: self._size]
        return value
