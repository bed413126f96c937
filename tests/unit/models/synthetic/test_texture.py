"""The anatomical noise: its spectrum, its grain, and how much tissue is dense."""

from __future__ import annotations

import numpy as np
import pytest

from models.synthetic.outline import View, draw_outline
from models.synthetic.texture import dense_tissue, power_law, toward_nipple


def slope(field: np.ndarray) -> float:
    """Exponent of the power spectrum, by a line through its radial mean."""
    power = np.abs(np.fft.fft2(field)) ** 2
    f = np.fft.fftfreq(len(field), 1 / len(field))
    radius = np.round(np.hypot(f[:, None], f[None, :])).astype(int)
    rings = np.arange(5, len(field) // 3)
    means = [power[radius == ring].mean() for ring in rings]
    return float(-np.polyfit(np.log(rings), np.log(means), 1)[0])


@pytest.mark.parametrize("beta", [2.6, 3.0, 3.4])
def test_the_spectrum_falls_with_the_given_exponent(beta: float) -> None:
    one, other = power_law(np.random.default_rng(1), 256, beta)

    assert slope(one) == pytest.approx(beta, abs=0.15)
    assert slope(other) == pytest.approx(beta, abs=0.15)


def test_the_two_fields_are_independent_and_of_unit_size() -> None:
    one, other = power_law(np.random.default_rng(1), 256, 1.0)

    assert abs(float((one * other).mean())) < 0.05
    assert float(one.std()) == pytest.approx(1, abs=1e-3)
    assert float(one.mean()) == pytest.approx(0, abs=1e-3)


def test_the_grain_runs_toward_the_nipple() -> None:
    rng = np.random.default_rng(4)
    breast = draw_outline(rng, 400, 300, 0.6, View.CC)
    field = toward_nipple(power_law(rng, 1024, 2.0)[0], breast, 4.0)
    row = round(breast.nipple[1])
    # On the axis of the breast, rays are rows.
    patch = field[row - 40 : row + 40, 5 : round(breast.nipple[0] * 0.5)]

    along, across = np.abs(np.diff(patch, axis=1)).mean(), np.abs(np.diff(patch, axis=0)).mean()

    assert across > 1.5 * along


def test_denser_breasts_have_more_dense_tissue() -> None:
    breast = draw_outline(np.random.default_rng(4), 400, 300, 0.6, View.CC)
    lumps, fine = power_law(np.random.default_rng(5), 400, 3.0)
    shares = []
    for density in "ABCD":
        gland = dense_tissue(
            breast, np.random.default_rng(6), density, lumps[:, :300], fine[:, :300]
        )
        shares.append(float((gland[breast.mask] > 0.5).mean()))

    assert shares == sorted(shares)
    assert shares[0] < 0.15
    assert shares[3] > 0.5


@pytest.mark.parametrize("view", list(View))
def test_the_breast_touches_the_chest_wall_and_not_the_far_edge(view: View) -> None:
    for seed in range(8):
        breast = draw_outline(np.random.default_rng(seed), 401, 257, 0.6, view)
        nipple_row = round(breast.nipple[1])

        assert breast.depth.shape == (401, 257)
        assert breast.mask[nipple_row, 0], seed
        assert not breast.mask[:, -1].any(), seed
        # Depth grows from the skin inwards.
        assert breast.depth[nipple_row, 0] > breast.depth[nipple_row, round(breast.reach * 0.9)]
