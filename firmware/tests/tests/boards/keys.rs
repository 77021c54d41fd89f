//! The stack that a session takes with each kind of key, on either side, and with the longest chain.

use anyhow::{Context as _, Result};
use modem_tests::host::Host;
use modem_tests::machine::{Machine, Options};
use modem_tests::peers::{ED25519, P256, P384, RSA, RSA_3072, RSA_4096};

use crate::bench::{Bench, World};
use crate::engines::ask_time;
use crate::story::{JOINED, check_room, session, stack_of_model};

const KINDS: [(&str, &[&str]); 6] = [
    ("p256", P256),
    ("p384", P384),
    ("ed25519", ED25519),
    ("rsa-2048", RSA),
    ("rsa-3072", RSA_3072),
    ("rsa-4096", RSA_4096),
];

/// Intermediates beyond which no path is built.
const LONGEST: usize = 6;

/// The kinds whose verification takes the most stack, behind the longest chain.
const LONG: [(&str, &[&str]); 2] = [("ed25519-long", ED25519), ("rsa-4096-long", RSA_4096)];

/// Bytes of stack that are left at the deepest point of all, on a chip.
const MARGIN: u64 = 2 * 1024;

/// Of the engine that these images have.
const VERSION: &str = "-tls1_3";

/// A client has to show its certificate.
const ASKS: [&str; 5] = ["-CAfile", "ca.pem", "-verify_return_error", "-Verify", "1"];

/// Sessions with all of them, one after the other; what is left at the deepest point is checked.
pub(crate) fn fit(bench: &Bench) -> Result<()> {
    let world = bench.world("keys")?;
    let options = Options {
        ntp: Some(world.ntp.port),
        ..Options::named("keys")
    };
    let (machine, mut host) = Machine::boot(&world.lab, &world.flash, options)?;
    let outcome = all(&mut host, &world);
    machine.explain(outcome)?;
    let stack = stack_of_model(&machine.errors());
    let [_, deepest] = machine.explain(stack.context("no report of the stack"))?;
    println!("| stack, deepest point of all kinds of keys | {deepest} bytes |");
    check_room(bench, &machine, ("a session", deepest), MARGIN)
}

fn all(host: &mut Host, world: &World) -> Result<()> {
    host.ok("AT+CWMODE=1")?;
    host.ask("AT+CWJAP=\"iot\",\"\"", &format!("{JOINED}\r\nOK\r\n"))?;
    host.load("client_ca", &world.image)?;
    host.ok("AT+CIPSSLCCONF=2,0,0")?;
    for (name, key) in KINDS {
        let server = world.ca.serve_as(name, key, &[VERSION])?;
        opens(host, server.port).with_context(|| format!("{name} server"))?;
    }
    for (name, key) in LONG {
        let server = world.ca.serve_behind(LONGEST, name, key, &[VERSION])?;
        opens(host, server.port).with_context(|| format!("{name} server"))?;
    }
    host.ok("AT+CIPSSLCCONF=3,0,0")?;
    for (name, key) in KINDS {
        let [certificate, key] = world.ca.client_images(key)?;
        host.load("client_cert", &certificate)?;
        host.load("client_key", &key)?;
        let asks = [&[VERSION], &ASKS[..]].concat();
        let server = world.ca.serve_as("asks", P256, &asks)?;
        opens(host, server.port).with_context(|| format!("{name} client"))?;
    }
    Ok(())
}

/// A session with a server whose certificate was just made, or the reason why there is none.
fn opens(host: &mut Host, port: u16) -> Result<()> {
    ask_time(host)?;
    let Err(error) = session(host, port) else {
        return Ok(());
    };
    let why = host.ask_until("AT+SSLWHY?", "\r\n\r\nOK\r\n")?;
    Err(error.context(why))
}
