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


def test_the_table_fits_a_terminal_and_has_every_layer() -> None:
    network = nn.Sequential()
    part: nn.Module = network
    for depth in range(8):  # names longer than a line
        inner = nn.Sequential()
        part.add_module(f"stage_of_the_network_{depth}", inner)
        part = inner
    part.extend([nn.Linear(4096, 4096), nn.AdaptiveAvgPool1d(4096)])
    weighing = weigh(network.to("meta"), (64, 4096), batch=10**6, name="a" * 100)
    lines = str(weighing).splitlines()
    assert max(map(len, lines)) <= 80
    assert {weighing.model, "".join(line.strip() for line in lines[:2])} == {"a" * 100}
    linear = next(line for line in lines if "0 Linear" in line)
    assert linear.split()[-3:] == [f"{64 * 4096**2 * 10**6:,}", "100.0", "%"]
    assert sum("Linear" in line or "Adapt" in line for line in lines) == len(weighing.layers)


def test_frozen_parameters_are_told_apart() -> None:
    network = nn.Linear(8, 4)
    network.requires_grad_(False)
    assert "36 (0 trainable, 36 frozen)" in str(weigh(network, (8,)))


def test_a_total_that_is_not_known() -> None:
    class Inverting(nn.Module):
        def forward(self, x: object) -> object:
            return x.inverse()  # pyright: ignore

    assert "unknown: aten.linalg_inv_ex" in str(weigh(Inverting(), (3, 3)))
