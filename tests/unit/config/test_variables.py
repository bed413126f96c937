from __future__ import annotations

from config.loading import load_with_origins
from config.settings import Settings
from config.tree import settings_of


def test_every_setting_can_be_set_by_its_variable() -> None:
    """A setting that the environment cannot reach would be missing in containers."""
    other = {
        "scp.networks": '["192.0.2.0/24"]',
        "scp.calling_ae_titles": '["MAMMO1"]',
        "scp.tls.mode": "only",
        "scp.tls.require_client_certificate": "false",
        "scp.tls.minimum_version": "1.3",
        "scp.tls.bindings": '{"MAMMO1": ["mammo1.example.org"]}',
        "routes": '{"MAMMO1": ["pacs"]}',
        "destinations": '{"pacs": {"ae_title": "PACS", "host": "pacs", "port": 104}}',
        "profiles": '{"ward": {"studies": "with_findings"}}',
        "database.url": "sqlite:////var/lib/mgnode/db",
        "broker.url": "redis://:word@broker",
        "detector.model": "reference",
        "detector.weights_sha256": "0" * 64,
        "detector.candidate_thresholds": "[0.2, 0.1]",
        "detector.runtime": "openvino",
        "detector.precision": "bfloat16",
        "results.time_zone": "Asia/Tokyo",
        "results.identity_conflict": "separate",
        "audit.public_keys": '["/etc/mgnode/keys"]',
        "audit.syslog": "tcp://log.example.org:601",
        "reconcile.orphans": "keep",
        "alarms.unclaimed_periods": "7",
        "alarms.gone_destinations": '["old"]',
        "log.level": "debug",
        "log.format": "json",
    }
    settings = [s for s in settings_of() if "<name>" not in s.path]
    environ = {s.variable: other.get(s.dotted, "1") for s in settings}

    loaded = load_with_origins(None, environ)

    defaults = Settings().model_dump()
    values = loaded.settings.model_dump()
    for setting in settings:
        default, value = defaults, values
        for word in setting.path:
            default, value = default[word], value[word]
        assert value != default, setting.dotted
        assert loaded.origin(setting.path) == setting.variable
