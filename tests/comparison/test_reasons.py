"""The recommendation in words, as tables and pages give it."""

from keiryo.records.comparison import Comparison, Difference, Limits
from keiryo.report import choice

NEAR = Difference(
    candidate="light", images=200, difference=0.015, interval=(-0.02, 0.05), p_value=0.4
)
FAR = Difference(candidate="weak", images=200, difference=0.2, interval=(0.1, 0.3), p_value=0.001)


def concluded(
    recommended: str, *differences: Difference, limits: Limits | None = None
) -> Comparison:
    return Comparison.model_construct(
        recommended=recommended,
        most_accurate="best",
        differences=list(differences),
        limits=limits or Limits(),
    )


def test_a_lighter_one_is_recommended_with_what_it_may_cost() -> None:
    comparison = concluded("light", NEAR, FAR)
    reason = choice.reason(comparison) or ""
    assert "200 held-out images, best is 1.5 points better (95 % interval -2.0 to 5.0)" in reason
    assert choice.accuracy(comparison, "light", 0.8).endswith(choice.AS_ACCURATE)
    assert not choice.accuracy(comparison, "weak", 0.6).endswith(choice.AS_ACCURATE)
    legend = choice.legend(comparison) or ""
    assert "the most accurate, best (McNemar's mid-p test among 3 candidates" in legend


def test_what_is_told_from_all_others_is_said_to_be() -> None:
    assert choice.reason(concluded("best", FAR)) == (
        "the most accurate; 200 held-out images tell it from all others"
    )
    assert choice.legend(concluded("best", FAR)) is None
    assert choice.reason(concluded("best", NEAR)) == "the most accurate"
    assert choice.reason(concluded("best")) is None


def test_the_most_accurate_is_that_within_the_limits() -> None:
    comparison = concluded("best", NEAR, limits=Limits(max_params=10))
    assert choice.reason(comparison) == "the most accurate within the limits"
    assert "the most accurate within the limits, best" in (choice.legend(comparison) or "")
