"""A broker that others can reach wants a password."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from config.settings import BrokerSettings


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis:///0",
        "redis://localhost:6379/0",
        "redis://127.0.0.1:6379/0",
        "redis://127.8.8.8",
        "redis://[::1]:6379/0",
        "redis+socket:///run/valkey.sock",
        "redis://:word@valkey:6379/0",
        "redis://user:word@10.0.0.5/0",
        "rediss://:word@valkey.example.org:6380/0",
        "amqps://user:word@rabbit/vhost",
        "sentinel://:word@one:26379;sentinel://:word@two:26379",
    ],
)
def test_a_broker_with_a_password_or_for_this_machine_alone_is_taken(url: str) -> None:
    assert BrokerSettings.model_validate({"url": url}).url is not None


@pytest.mark.parametrize(
    "url",
    [
        "redis://valkey",
        "redis://valkey:6379/0",
        "redis://10.0.0.5/0",
        "redis://0.0.0.0/0",
        "redis://[2001:db8::1]/0",
        "redis://user@valkey/0",
        "redis://user:@valkey/0",
        "redis://localhost.example.org/0",
        "rediss://valkey/0",
        "amqp://rabbit//",
        "redis://:word@valkey/0;redis://other/0",
    ],
)
def test_a_broker_in_a_network_without_a_password_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="wants a password: redis://:PASSWORD@HOST"):
        BrokerSettings.model_validate({"url": url})


@pytest.mark.parametrize("url", ["redis://[hunter2/0", "redis://:hunter2@[::g/0"])
def test_an_address_that_cannot_be_read_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValidationError, match="cannot be read") as caught:
        BrokerSettings.model_validate({"url": url})

    assert "hunter2" not in str(caught.value)
