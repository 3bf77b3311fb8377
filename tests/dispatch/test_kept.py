"""What is remembered of pure functions, and what is computed anew."""

from __future__ import annotations

from dispatch.kept import Recent, kept


def test_the_same_objects_are_computed_once_and_equal_ones_anew() -> None:
    computed: list[list[int]] = []

    @kept(4)
    def total(numbers: list[int]) -> int:
        computed.append(numbers)
        return sum(numbers)

    one, other = [1, 2], [1, 2]
    assert (total(one), total(one), total(other)) == (3, 3, 3)
    assert computed == [one, other]


def test_no_more_is_kept_than_was_asked_for() -> None:
    computed: list[str] = []

    @kept(2)
    def shouted(word: str) -> str:
        computed.append(word)
        return word.upper()

    for word in ("a", "b", "c", "c", "a"):
        assert shouted(word) == word.upper()
    assert computed == ["a", "b", "c", "a"]


def test_whoever_reads_a_value_anew_is_given_the_object_that_is_known() -> None:
    recent = Recent[list[int]](2)
    first = [1]
    assert recent.same(first) is first
    assert recent.same([1]) is first
    recent.same([2])
    recent.same([3])
    assert recent.same([1]) is not first
