"""The model cards of the models that mgnode knows by name, and what every card must say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from models.spec import ModelSpec

PARTS: Final = ("intended_use", "training_data", "figures", "limits")
"""What a card must have, in the order in which it is read."""

LONGEST_STATEMENT: Final = 300
"""Characters of a card that go into each result."""

Card = Mapping[str, Any]

CARDS: Final[dict[str, Card]] = {
    "ueda2022": {
        "intended_use": (
            "Research, evaluation and integration work. Not a medical device, not for diagnosis. "
            "Full-field digital mammograms For Presentation, CC and MLO."
        ),
        "training_data": (
            "4636 images, 2905 of them malignant, five-fold cross-validation (Ueda et al., "
            "PLoS ONE 17(3): e0265751, 2022)."
        ),
        "figures": {
            "lesion-based sensitivity, hospital": "1.00 at 0.47 false marks an image (IoU 0.3)",
            "lesion-based sensitivity, clinic": "1.00 at 0.45 false marks an image (IoU 0.3)",
            "image-based accuracy, hospital": "0.86 (0.83-0.89)",
            "image-based accuracy, clinic": "0.85 (0.84-0.87)",
            "image-based sensitivity, hospital": "0.84 (0.79-0.89)",
            "image-based sensitivity, clinic": "0.84 (0.68-0.94)",
            "image-based specificity, hospital": "0.88 (0.83-0.91)",
            "image-based specificity, clinic": "0.85 (0.84-0.87)",
        },
        "limits": (
            "The figures are the authors', from one hospital and one clinic. Sensitivity falls "
            "with density: 0.97 (fat), 0.90, 0.77, 0.70 (extreme). Scores are not calibrated. "
            "Not for magnification and spot views, specimens, tomosynthesis or raw images."
        ),
    },
    "reference": {
        "intended_use": "Tests and trials of the software. Not for diagnosis.",
        "training_data": "None: the numbers are random, the same on every machine.",
        "figures": "None.",
        "limits": "Its boxes mean nothing.",
    },
    "demonstration": {
        "intended_use": "Demonstrations of the software. No clinical value, not for diagnosis.",
        "training_data": (
            "3000 synthetic images of mgnode's own generator, no image of a patient; backbone "
            "begun from ImageNet (torchvision, BSD-3-Clause)."
        ),
        "figures": {
            "sensitivity, synthetic images": "0.76 at 0.5 false boxes an image (IoU 0.3)",
            "sensitivity, films with inserted lesions": "0.86 at 1 false box an image (IoU 0.3)",
            "false boxes, films as they are": "0.13 an image at the operating threshold",
        },
        "limits": "What it does on real mammograms says nothing about cancer.",
    },
}


def imported_card(model: str) -> Card:
    """Give the card of weights of which nobody has said more than their architecture."""
    return {
        "intended_use": "Research. Not for diagnosis.",
        "training_data": f"Not known: weights for the network of {model}, imported from a file.",
        "figures": "None on record: `mgnode evaluate` measures it on your own cases.",
        "limits": "Not known.",
    }


def check_card(card: Card) -> None:
    """Refuse a card that leaves something out.

    Raises
    ------
    ValueError
        The text names the parts that are missing or empty.
    """
    if missing := [part for part in PARTS if not card.get(part)]:
        raise ValueError(f"the model card says nothing of: {', '.join(missing)}")


def statement_of(card: Card) -> str:
    """Shorten a card to what every result says of its model, in ASCII."""
    words = " ".join(f"{card['intended_use']} {card['limits']}".split())
    ascii_words = words.encode("ascii", "replace").decode("ascii").replace("\\", "/")
    if len(ascii_words) <= LONGEST_STATEMENT:
        return ascii_words
    return ascii_words[: LONGEST_STATEMENT - 4].rsplit(" ", 1)[0] + " ..."


def variant(spec: ModelSpec, name: str) -> ModelSpec:
    """Give the specification of other weights of the same architecture, under another name."""
    return replace(
        spec,
        name=name,
        title=f"{name} (network of {spec.name})",
        weights_source=f"`mgnode model import FILE --model {spec.name} --name {name}`",
    )
