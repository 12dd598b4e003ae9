"""A weighing as `print` and notebooks show it."""

from torch import nn

from keiryo.cost import weigh


def test_the_table_sums_up() -> None:
    weighing = weigh(nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 2)), (8,), name="two <layers>")
    weighing_text, page = str(weighing), weighing._repr_html_()
    total = next(line for line in weighing_text.splitlines() if line.startswith("total"))
    assert total.split() == ["total", "46", "40", "100.0", "%"]
    assert "80.0 %" in weighing_text
    assert "two &lt;layers&gt;" in page
    assert page.count("<tr>") == 2 + 2 + 5
    assert max(map(len, weighing_text.splitlines())) <= 80


def test_frozen_parameters_are_told_apart() -> None:
    network = nn.Linear(8, 4)
    network.requires_grad_(False)
    assert "36 (0 trainable, 36 frozen)" in str(weigh(network, (8,)))


def test_a_total_that_is_not_known() -> None:
    class Inverting(nn.Module):
        def forward(self, x: object) -> object:
            return x.inverse()  # pyright: ignore

    assert "unknown: aten.linalg_inv_ex" in str(weigh(Inverting(), (3, 3)))
