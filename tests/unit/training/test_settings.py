"""Settings of a training say what is wrong with them before anything is loaded."""

import pytest

from tamis.errors import UserError
from tamis.training.settings import Training


def test_the_usual_rates_of_each_way_to_tune():
    assert Training().told()["rate"] == 2e-4
    assert Training(tune="full").told()["rate"] == 2e-5
    assert Training(rate=1e-3).learning_rate == 1e-3


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"batch": 0}, "batch is at least 1"),
        ({"epochs": -1.0}, "epochs is at least 0"),
        ({"epochs": 0.0}, "epochs is above 0"),
        ({"max_length": 1}, "max_length is at least 2"),
        ({"rate": float("nan")}, "rate is at least 0"),
        ({"steps": 3, "tokens": 5}, "give one of them"),
    ],
)
def test_one_message_names_the_fault(given, told):
    with pytest.raises(UserError, match=told):
        Training(**given)
