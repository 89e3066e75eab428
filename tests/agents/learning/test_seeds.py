"""Seeds: branches of one seed, the same for the same, and no two alike."""

from dataclasses import astuple

from hypothesis import given
from hypothesis import strategies as st

from agents.learning.seeds import Seeds

PINNED = (15793235383387715774, 12390638538380655177, 8668861027912758289, 4881901421217228719)
PINNED_UPDATE = 516359669974006610
SEED = st.integers(0, 2**32 - 1)


@given(SEED)
def test_branches_are_the_seeds_own_and_differ(seed: int) -> None:
    own = astuple(Seeds.of(seed))
    assert own == astuple(Seeds.of(seed))
    assert len(set(own)) == 4
    assert not set(own) & set(astuple(Seeds.of(seed + 1)))


@given(SEED, st.integers(0, 2**40))
def test_an_update_has_a_seed_of_the_steps_before_it(seed: int, steps: int) -> None:
    assert Seeds.of(seed).of_update(steps) == Seeds.of(seed).of_update(steps)
    assert Seeds.of(seed).of_update(steps) != Seeds.of(seed).of_update(steps + 1)


def test_the_branches_of_a_seed_stay_what_they_are() -> None:
    """Runs that were begun go on with them."""
    assert astuple(Seeds.of(0)) == PINNED
    assert Seeds.of(0).of_update(4096) == PINNED_UPDATE


def test_without_a_seed_every_learner_has_its_own() -> None:
    assert Seeds.of(None) != Seeds.of(None)
