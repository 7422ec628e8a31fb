import pytest

from tamis.models.moments import step


def test_adams_step_of_the_dossier():
    assert step(0.1, 0.05, 0.002, "adam") == pytest.approx(1.2273820, abs=5e-8)


def test_adams_step_with_eps_outside_the_root():
    assert step(0.1, 0.05, 0.002, "adam_outside") == pytest.approx(1.2273848, abs=5e-8)


def test_the_gradient_itself():
    assert step(0.1, 0.05, 0.002, "sgd") == 0.1
