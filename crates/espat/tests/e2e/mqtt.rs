//! A broker, spoken to in its own protocol.

use crate::support::mosquitto::{
    Broker, CONNACK, DISCONNECT, PINGREQ, PINGRESP, SUBACK, connect, publish, subscribe,
};
use crate::support::pki::{Ca, KeyKind, VALID, pack_ca};
use crate::support::world::{PORT, World};

#[test]
fn a_message_comes_back_from_the_broker() {
    let world = World::new();
    let own = world.ca.leaf("broker", KeyKind::Rsa2048, VALID);
    let broker = Broker::certified(world.folder.path(), &own, "allow_anonymous true\n");
    let (_world, _modem, mut host) = world.server(PORT, broker.address).ready();
    host.opens(PORT);
    let message = publish("home/temperature", b"21.5\x00\r\n+IPD,");
    for (sent, answer) in [
        (&connect("espat")[..], &CONNACK[..]),
        (&subscribe("home/#"), &SUBACK),
        (&message, &message),
        (&PINGREQ, &PINGRESP),
    ] {
        host.transmit(sent);
        assert_eq!(host.ipds(answer.len()), answer);
    }
    host.transmit(&DISCONNECT);
    host.hears("CLOSED\r\n");
    host.last_reason_is(
        r#""data",-0x7880,0x00000000,0,"","","server closed the session","peer_closed""#,
    );
}

#[test]
fn a_broker_of_another_ca_is_refused() {
    let world = World::new();
    let own = world.ca.leaf("broker", KeyKind::P256, VALID);
    let broker = Broker::certified(world.folder.path(), &own, "allow_anonymous true\n");
    let image = world.image();
    let other = Ca::root(world.folder.path(), "other CA", KeyKind::P256);
    let (_world, _modem, mut host) = world.server(PORT, broker.address).ready();
    host.load("client_ca", &pack_ca(&other.own.certificate));
    host.is_refused(
        PORT,
        r#""certificate",-0x2700,0x00000008,0,"CN=broker","CN=test CA","no chain to the loaded CA","issuer_unknown""#,
    );
    host.load("client_ca", &image);
    host.opens(PORT);
    host.transmit(&connect("espat"));
    assert_eq!(host.ipds(CONNACK.len()), CONNACK);
    host.closes();
}
