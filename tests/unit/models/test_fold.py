"""Simplified weights compute the same."""

from __future__ import annotations

import numpy as np

from models.fold import fold_batch_norm, keep_classes


def test_a_folded_convolution_gives_what_convolution_and_normalisation_gave() -> None:
    generator = np.random.default_rng(2)
    kernel = generator.normal(size=(1, 1, 5, 3)).astype(np.float32)
    gamma, beta, mean = generator.normal(size=(3, 3)).astype(np.float32)
    variance = generator.uniform(0.5, 2, 3).astype(np.float32)
    pixel = generator.normal(size=5).astype(np.float32)

    folded, bias = fold_batch_norm(kernel, gamma, beta, mean, variance, epsilon=1e-5)

    expected = (pixel @ kernel[0, 0] - mean) / np.sqrt(variance + 1e-5) * gamma + beta
    assert folded.dtype == bias.dtype == np.float32
    np.testing.assert_allclose(pixel @ folded[0, 0] + bias, expected, rtol=1e-5)


def test_a_small_variance_shows_the_epsilon() -> None:
    one = np.ones(1, np.float32)
    tiny = np.full(1, 1e-5, np.float32)

    folded, _ = fold_batch_norm(
        np.ones((1, 1, 1, 1), np.float32), one, one, one, tiny, epsilon=3e-5
    )

    np.testing.assert_allclose(folded[0, 0, 0, 0], 1 / np.sqrt(4e-5), rtol=1e-6)


def test_the_channels_of_a_class_are_every_twentieth_from_its_index() -> None:
    channels = np.arange(180, dtype=np.float32)

    kept = keep_classes(np.broadcast_to(channels, (3, 3, 2, 180)), 20, (11,))

    assert kept.shape == (3, 3, 2, 9)
    assert kept[2, 1, 1].tolist() == [11, 31, 51, 71, 91, 111, 131, 151, 171]
    assert keep_classes(channels, 20, tuple(range(20))).tolist() == channels.tolist()
    assert keep_classes(channels, 20, (3, 11))[:4].tolist() == [3, 11, 23, 31]
