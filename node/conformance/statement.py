"""The DICOM conformance statement of the node as it is configured (PS3.2 Annex A)."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from config.profiles import STANDARD, Profile
from config.settings import Settings
from node.conformance.attributes import attributes, tree
from node.conformance.markdown import filled, table
from node.conformance.objects import (
    TEMPLATES,
    TITLES,
    USED_ATTRIBUTES,
    character_sets,
    coded_terminology,
)
from node.conformance.receiving import receiving
from node.conformance.sample import BUILT
from node.conformance.security import security
from node.conformance.sending import sending
from node.dicom.commitment import PUSH_MODEL
from node.dicom.eligibility import OWN_DEVICE
from node.dicom.offers import OTHER_REPORT, SOP_CLASSES, class_name, offers
from node.dicom.sop_classes import STORAGE_SOP_CLASSES, VERIFICATION
from node.scu.query import STUDY_ROOT_FIND

_EVERYTHING: Final = Profile.model_validate(
    {"cad_sr": {"form": "graded", "probability_of_cancer": True}}
)


def conformance_statement(settings: Settings) -> str:
    """Write the whole statement in Markdown."""
    sections = (
        _head(),
        _overview(),
        _introduction(),
        _model(settings),
        "## 4.2 AE specifications\n\n" + receiving(settings),
        sending(settings),
        _network(),
        _configuration(settings),
        _rest(),
        security(settings),
        _objects(),
    )
    return filled("\n".join(section.strip("\n") + "\n" for section in sections))


def _head() -> str:
    manufacturer, model = OWN_DEVICE
    return f"""# DICOM conformance statement of {model}

| | |
|---|---|
| product | {model} |
| version | {version("mgnode")} |
| manufacturer | {manufacturer} |

*Written by `mgnode conformance` from the tables that the node works by, in the order of PS3.2
Annex A. `mgnode conformance --config FILE` writes that of one installation.*

{model} is no medical device and not for diagnosis. Conformance to DICOM alone does not make two
products work together: try it (`mgnode destination test`)."""


def _overview() -> str:
    sent = dict.fromkeys([*SOP_CLASSES.values(), OTHER_REPORT])
    rows = [
        *((class_name(uid), "Yes", "Yes" if uid in STORAGE_SOP_CLASSES else "No") for uid in sent),
        *((class_name(uid), "No", "Yes") for uid in STORAGE_SOP_CLASSES if uid not in sent),
        (class_name(VERIFICATION), "Yes", "Yes"),
        (class_name(PUSH_MODEL), "Yes", "No"),
        (class_name(STUDY_ROOT_FIND), "Yes", "No"),
    ]
    return f"""## 1 Overview

The node receives mammograms by C-STORE, lets a detector look at them and sends back what it
found, by C-STORE: CAD and measurement reports, pictures, presentation states and key object
selections. It can ask for storage commitment or query for what it sent. It serves no query, no
retrieval and no media.

Network services:

{table(["SOP class", "user of the service (SCU)", "provider of the service (SCP)"], rows)}"""


def _introduction() -> str:
    return """## 3 Introduction

For those who connect this node with modalities, archives and workstations, and know DICOM. Terms
are those of the standard (PS3.1 to PS3.18). AE: application entity. SCU, SCP: user and provider
of a service class. A *destination* is a peer that gets results; its *profile* says which.
Keywords in `code` are settings (`docs/settings.md`)."""


def _model(settings: Settings) -> str:
    return f"""## 4 Networking

## 4.1 Implementation model

### 4.1.1 Application data flow

```
modality, PACS  --- C-STORE ------------>  receiving AE {settings.scp.ae_title}
destinations    <-- C-STORE -------------  sending AE {settings.scu.ae_title}
destinations    <-- N-ACTION, C-FIND ----  sending AE {settings.scu.ae_title}
destinations    --- N-EVENT-REPORT ----->  both AEs
```

### 4.1.2 What the AEs do

The **receiving AE** waits for associations, stores what comes and answers success when it is
durable. The **sending AE** opens an association when results are due at a destination, and to ask
whether it keeps them.

### 4.1.3 Sequence

A study is reported when its four standard views are analysed, or when no image came for
{settings.study.quiet_seconds:g} s and no association of its sender is open, at the latest
{settings.study.limit_minutes:g} min after its first image. An image that comes later opens the
study again: the next report supersedes the last (Predecessor Documents Sequence). Objects that this
node made are stored when they come back, and never analysed."""


def _network() -> str:
    return """## 4.3 Network interfaces

DICOM upper layer over TCP/IP (PS3.8), with or without TLS (7), IPv4 and IPv6, on any physical
medium that the operating system supports."""


def _configuration(settings: Settings) -> str:
    scp = settings.scp
    local = [
        ("receiving AE title", f"`scp.ae_title` = {scp.ae_title}"),
        ("receiving port", _plain_port(settings)),
        ("receiving port of TLS", _tls_port(settings)),
        ("calling AE titles", ", ".join(scp.calling_ae_titles) or "any, from this machine alone"),
        ("allowed networks", ", ".join(map(str, scp.networks))),
        ("sending AE title", f"`scu.ae_title` = {settings.scu.ae_title}"),
    ]
    return f"""## 4.4 Configuration

Everything is in one settings file; a change needs a restart. AE titles and addresses of peers are
not discovered.

{table(["parameter", "value"], local)}
Destinations:

{_destinations(settings)}
{_profiles(settings)}"""


def _plain_port(settings: Settings) -> str:
    scp = settings.scp
    return "none: TLS alone" if scp.tls.is_alone else f"`scp.port` = {scp.port} on {scp.host}"


def _tls_port(settings: Settings) -> str:
    scp = settings.scp
    return f"`scp.tls.port` = {scp.tls.port} on {scp.host}" if scp.tls.is_on else "none"


def _destinations(settings: Settings) -> str:
    rows = [
        (
            name,
            at.ae_title,
            f"{at.host}:{at.port}",
            "yes" if at.tls.enabled else "no",
            at.profile,
            at.confirm,
        )
        for name, at in settings.destinations.items()
    ]
    if not rows:
        return "none; results are made in the standard profile and stay on the node\n"
    return table(["name", "AE title", "address", "TLS", "profile", "confirmed by"], rows)


def _profiles(settings: Settings) -> str:
    profiles = {STANDARD: settings.profiles.get(STANDARD, Profile()), **settings.profiles}
    texts = []
    for name, profile in profiles.items():
        rows = [
            (
                offer.kind.replace("_", " "),
                class_name(offer.sop_class_uid),
                offer.series_number,
                offer.series_description,
                offer.made_for,
            )
            for offer in offers(profile)
        ]
        columns = ["object", "SOP class", "series number", "series description", "for"]
        compression = ", ".join(profile.transfer_syntaxes) or "none"
        texts.append(
            f"Profile `{name}`: character set {profile.character_set}, "
            f"compression of overlays {compression}.\n\n{table(columns, rows)}"
        )
    return "\n".join(texts)


def _rest() -> str:
    return f"""## 5 Media interchange

None.

## 6 Support of character sets

A result has the Specific Character Set of the image whose patient and study it copies, byte for
byte, invalid values included; a profile with `character_set = "ISO_IR 192"` gets UTF-8 instead.
What the node itself writes is ASCII. The node reads these, also where the defined term is
misspelt (ISO IR 192, ISO-IR 100):

{character_sets()}
An unknown term is kept and read as ISO_IR 100. Bytes that are no text of their set are kept as
they are."""


def _objects() -> str:
    tables = attributes()
    parts = [
        f"""## 8 Annexes

## 8.1 IOD contents

### 8.1.1 Created SOP instances

One series for each kind of object, study and model; the SOP Instance UID follows from the
content: the same content has the same UID and the same bytes, other content another. UIDs are of
the form 2.25. No object is changed after it was made; a report that is superseded is not
withdrawn.

Presence: ALWAYS with a value; VNAP present, may be empty; ANAP present where the images or
settings give cause. "Copied from the images" is byte for byte as stored. Attributes of every
created object:

{tables[""]}"""
    ]
    for kind in BUILT:
        parts.append(f"#### {TITLES[kind]}\n\nBesides those of every object:\n\n{tables[kind]}")
        if kind in TEMPLATES:
            parts.append(f"{TEMPLATES[kind]}\n\n{tree(kind, _EVERYTHING)}")
    parts.append(
        f"""### 8.1.2 Attributes of received objects that are used

{table(["attribute", "for"], USED_ATTRIBUTES)}
### 8.1.3 Coerced attributes

None.

## 8.2 Private attributes

None are created. Those of received objects are stored and not copied.

{coded_terminology()}

## 8.4 Greyscale image consistency

Not supported: the node has no display. Overlays are made with the VOI LUT or window of their image.

## 8.5 Standard extended, specialised and private SOP classes, private transfer syntaxes

None."""
    )
    return "\n".join(parts)
