//! `mosquitto`, an MQTT broker, and the packets a client of it sends.
//!
//! MQTT 3.1.1: 2.2 (fixed header), 3.1 (CONNECT), 3.3 (PUBLISH), 3.8 (SUBSCRIBE).

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use super::pki::Credentials;
use super::process::{Process, program};
use super::servers::at_a_free_port;
use super::utf8;

/// A broker that takes TLS only and says who came.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Broker {
    /// With this certificate; the rest is as for [`Self::start`].
    pub(crate) fn certified(folder: &Path, own: &Credentials, settings: &str) -> Self {
        let certificate = utf8(&own.certificate);
        let key = utf8(&own.key);
        let own = format!("certfile {certificate}\nkeyfile {key}\n");
        Self::start(folder, &(own + settings))
    }

    /// As [`Self::certified`], at the address of another one that is gone.
    pub(crate) fn certified_at(
        address: SocketAddr,
        folder: &Path,
        own: &Credentials,
        settings: &str,
    ) -> Self {
        let certificate = utf8(&own.certificate);
        let key = utf8(&own.key);
        let own = format!("certfile {certificate}\nkeyfile {key}\n");
        Self::try_at(address, folder, &(own + settings)).expect("the port is free again")
    }

    /// Its files lie in `folder`; `settings` are lines about its only listener.
    pub(crate) fn start(folder: &Path, settings: &str) -> Self {
        at_a_free_port(|address| Self::try_at(address, folder, settings))
    }

    fn try_at(address: SocketAddr, folder: &Path, settings: &str) -> Option<Self> {
        let config = folder.join("mosquitto.conf");
        let text = format!(
            "user root\nlog_dest stderr\nlog_type all\nlistener {} 127.0.0.1\n{settings}",
            address.port()
        );
        fs::write(&config, text).expect("room");
        let mut command = program("mosquitto");
        command.args(["-c", utf8(&config)]);
        let mut process = Process::start(&mut command);
        // "1700000000: mosquitto version 2.0.11 running"
        process.wait_or_end(|line| line.ends_with(" running").then_some(()))?;
        Some(Self { process, address })
    }
}

/// A packet: its first byte and what follows its length.
fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
    let length = u8::try_from(rest.len()).ok().filter(|length| *length < 128);
    let length = length.expect("short enough for a length of one byte");
    [&[first, length], rest].concat()
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("short");
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

/// A clean session, and no need to keep it alive.
pub(crate) fn connect(client: &str) -> Vec<u8> {
    const CLEAN_SESSION: u8 = 2;
    let head = [&text("MQTT")[..], &[4, CLEAN_SESSION, 0, 0]].concat();
    packet(0x10, &[head, text(client)].concat())
}

/// Accepted, without a session of before.
pub(crate) const CONNACK: [u8; 4] = [0x20, 2, 0, 0];

/// At most once; packet 1.
pub(crate) fn subscribe(topic: &str) -> Vec<u8> {
    packet(0x82, &[&[0, 1][..], &text(topic), &[0]].concat())
}

/// At most once is granted to a packet of [`subscribe`]'s form, which has its number behind two bytes.
pub(crate) fn suback(subscribe: &[u8]) -> [u8; 5] {
    let [0x82, _, high, low, ..] = *subscribe else {
        panic!("no SUBSCRIBE: {}", subscribe.escape_ascii());
    };
    [0x90, 3, high, low, 0]
}

/// At most once is granted; packet 1.
pub(crate) const SUBACK: [u8; 5] = [0x90, 3, 0, 1, 0];

/// At most once; the same in both directions.
pub(crate) fn publish(topic: &str, message: &[u8]) -> Vec<u8> {
    packet(0x30, &[&text(topic), message].concat())
}

pub(crate) const PINGREQ: [u8; 2] = [0xc0, 0];
pub(crate) const PINGRESP: [u8; 2] = [0xd0, 0];
pub(crate) const DISCONNECT: [u8; 2] = [0xe0, 0];
