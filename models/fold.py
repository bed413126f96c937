"""Simplifying weights without changing what the network computes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fold_batch_norm(
    kernel: NDArray[np.float32],
    gamma: NDArray[np.float32],
    beta: NDArray[np.float32],
    mean: NDArray[np.float32],
    variance: NDArray[np.float32],
    *,
    epsilon: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Put a batch normalisation into the convolution before it.

    Parameters
    ----------
    kernel : ndarray, (rows, columns, in, out)
    gamma, beta, mean, variance : ndarray, (out,)

    Returns
    -------
    kernel, bias : ndarray
        Computed in float64, rounded once.
    """
    factor = gamma.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    folded = (kernel * factor).astype(np.float32)
    bias = (beta - mean * factor).astype(np.float32)
    return folded, bias


def keep_classes(
    tensor: NDArray[np.float32], classes: int, kept: tuple[int, ...]
) -> NDArray[np.float32]:
    """Leave only the channels of some classes in the last class convolution.

    Parameters
    ----------
    tensor : ndarray, (..., anchors * classes)
        Kernel or bias; the channel of a class is ``anchor * classes + class``.

    Returns
    -------
    ndarray, (..., anchors * kept)
    """
    by_class = tensor.reshape(*tensor.shape[:-1], -1, classes)
    return np.ascontiguousarray(by_class[..., list(kept)].reshape(*tensor.shape[:-1], -1))
