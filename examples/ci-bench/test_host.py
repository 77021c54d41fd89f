"""What the host does when the world is right, and what it learns when it is not."""

from datetime import UTC, datetime, timedelta

import pytest

from conftest import NAME, PORT
from host import Refused


def test_a_verified_connection_carries_data(bench):
    host = bench()
    host.join("iot")
    host.connect(NAME, PORT)
    assert host.ask("hello") == "olleh"


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        ({"certificate_for": "other.local"}, "name_mismatch"),
        ({"clock": "unset"}, "clock_not_set"),
        ({"clock": "2040-01-01T00:00:00Z"}, "expired"),
        ({"clock": f"{datetime.now(UTC) - timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}"}, "not_yet_valid"),
        ({"clock": "2020-01-01T00:00:00Z"}, "clock_before_floor"),
    ],
)
def test_each_refusal_has_its_reason(bench, world, reason):
    host = bench(**world)
    host.join("iot")
    with pytest.raises(Refused) as refused:
        host.connect(NAME, PORT)
    assert refused.value.reason == reason


def test_a_server_of_another_ca_is_refused(bench, pki):
    host = bench(ca=pki.stranger)
    host.join("iot")
    with pytest.raises(Refused) as refused:
        host.connect(NAME, PORT)
    assert refused.value.reason == "issuer_unknown"


def test_a_lost_access_point_ends_the_link(bench):
    host = bench()
    host.join("iot")
    host.connect(NAME, PORT)
    host.modem.do("ap down iot")
    assert "CLOSED" in host.until("WIFI DISCONNECT", "CLOSED") + host.until("WIFI DISCONNECT", "CLOSED")


def test_a_name_without_an_address_is_said(bench):
    host = bench()
    host.join("iot")
    host.modem.do(f"dns fail {NAME}")
    with pytest.raises(Refused) as refused:
        host.connect(NAME, PORT)
    assert refused.value.reason == "host_not_found"
