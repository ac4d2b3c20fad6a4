"""Goals are data, and verdicts follow from them."""

from benchmark.goals import GOALS, Goal, Measurement, goal_of, unmeasured, verdict

LOW = Goal("P1", "a time", 0.5, "× a peer")
HIGH = Goal("P8", "a rate", 0.2, "× a peer", at_least=True)


def test_a_limit_itself_is_still_within():
    assert [verdict(LOW, value) for value in (0.49, 0.5, 0.501)] == ["met", "met", "missed"]
    assert [verdict(HIGH, value) for value in (0.3, 0.2, 0.199)] == ["met", "met", "missed"]


def test_a_goal_shows_its_direction():
    assert (LOW.text, HIGH.text) == ("≤ 0.5 × a peer", "≥ 0.2 × a peer")


def test_each_goal_stands_once_and_each_figure_has_one():
    assert len({(goal.figure, goal.name) for goal in GOALS}) == len(GOALS)
    assert {goal.figure for goal in GOALS} == {f"P{number}" for number in range(1, 14)}


def test_a_measurement_finds_its_goal_and_one_for_information_has_none():
    goal = GOALS[0]
    assert goal_of(Measurement(goal.figure, goal.name, None)) is goal
    assert goal_of(Measurement("P1", "something else", None)) is None


def test_a_goal_that_nothing_was_held_against_is_told():
    of_p5 = [goal for goal in GOALS if goal.figure == "P5"]
    first = of_p5[0]
    assert unmeasured(["P5"], [Measurement("P5", first.name, None, {}, 0.0)]) == of_p5[1:]
    assert unmeasured(["P5"], [Measurement("P5", first.name, None)]) == of_p5
    assert unmeasured([], []) == []
