//! What the host does when the world is right, and what it learns when it is not.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test says no by panicking"
)]

mod world;

use rust_bench::HostError;
use world::{NAME, PORT, World};

/// The reason of a refusal.
fn reason<T: std::fmt::Debug>(result: Result<T, HostError>) -> String {
    match result {
        Err(HostError::Refused { reason, .. }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_verified_connection_carries_data() {
    let world = World::new(NAME, &["--clock", "host"]);
    let mut host = world.host();
    host.join("iot").expect("an open network");
    host.connect(NAME, PORT).expect("a good server");
    assert_eq!(host.ask("hello").expect("an echo"), "olleh");
}

#[test]
fn each_refusal_has_its_reason() {
    for (name, clock, expected) in [
        ("other.local", "host", "name_mismatch"),
        (NAME, "unset", "clock_not_set"),
        (NAME, "2040-01-01T00:00:00Z", "expired"),
        (NAME, "2020-01-01T00:00:00Z", "clock_before_floor"),
    ] {
        let world = World::new(name, &["--clock", clock]);
        let mut host = world.host();
        host.join("iot").expect("an open network");
        assert_eq!(reason(host.connect(NAME, PORT)), expected);
    }
}

#[test]
fn a_server_that_refuses_by_an_alert_is_said() {
    let world = World::new(NAME, &["--clock", "host"]);
    let mut host = world.host();
    host.join("iot").expect("an open network");
    world.does("tls alert unrecognized_name");
    assert_eq!(reason(host.connect(NAME, PORT)), "peer_alert");
    host.connect(NAME, PORT)
        .expect("the next one is not refused");
}

#[test]
fn a_lost_access_point_ends_the_link() {
    let world = World::new(NAME, &["--clock", "host"]);
    let mut host = world.host();
    host.join("iot").expect("an open network");
    host.connect(NAME, PORT).expect("a good server");
    world.does("ap down iot");
    host.wait_for("WIFI DISCONNECT").expect("it is said");
}

#[test]
fn a_name_without_an_address_is_said() {
    let world = World::new(NAME, &["--clock", "host"]);
    let mut host = world.host();
    host.join("iot").expect("an open network");
    world.does(&format!("dns fail {NAME}"));
    assert_eq!(reason(host.connect(NAME, PORT)), "host_not_found");
}
