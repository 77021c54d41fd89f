//! What goes wrong on the first day: what the port prints is enough to go on.

use crate::support::modem::Host;
use crate::support::process::{command, output};
use crate::support::servers::Nobody;
use crate::support::world::{PORT, World, join, start};

/// The reason behind the `ERROR` of a line.
fn why(host: &mut Host, line: &str) -> String {
    host.ask_until(line, "ERROR\r\n");
    let said = host.ask_until("AT+SSLWHY?", "\r\nOK\r\n");
    said.trim_end().to_owned()
}

#[test]
fn a_session_without_a_network_says_how_to_join_one() {
    let world = World::new().option("--clock", "host");
    let modem = world.modem();
    let mut host = modem.switch_on();
    host.ok("AT+CWMODE=1");
    let said = why(&mut host, &start(PORT));
    assert!(said.contains("join a network first (AT+CWJAP)"), "{said}");
    assert!(said.ends_with(",\"no_network\""), "{said}");
    join(&mut host);
    let said = why(
        &mut host,
        "AT+CIPSTART=\"SSL\",\"no.such.host.invalid\",8883",
    );
    assert!(said.ends_with(",\"host_not_found\""), "{said}");
}

/// Each of these lines, with what the reason must name, and its code.
const LINES: &[(&str, &str, &str)] = &[
    (
        "AT+CIPSTART=\"SSL\",\"https://192.168.3.129\",8739",
        "https://192.168.3.129",
        "host_is_url",
    ),
    (
        "AT+CIPSTART=\"SSL\",\"192.168.3.129:8739\",8739",
        "192.168.3.129:8739",
        "host_is_url",
    ),
    (
        "AT+CIPSTART=\"SSL\",\"192.168.3.129/path\",8739",
        "192.168.3.129/path",
        "host_is_url",
    ),
    (
        "AT+CIPSTART=\"TLS\",\"192.168.3.129\",8739",
        "parameter 0",
        "parameter_value",
    ),
    (
        "AT+CIPSTART=\"SSL\",\"192.168.3.129\",\"8739\"",
        "parameter 2",
        "parameter_kind",
    ),
    (
        "AT+CIPSTART=\"SSL\",\"192.168.3.129\",87390",
        "parameter 2",
        "parameter_value",
    ),
    (
        "AT+CIPSTART=\"SSL\",\"192.168.3.129\"",
        "needed: 3",
        "parameter_count",
    ),
    (
        "AT+CIPSTART=0,\"SSL\",\"192.168.3.129\",8739",
        "AT+CIPMUX is 0",
        "link_unwanted",
    ),
    ("AT+CIPSSLCCONF=5,0,0", "parameter 0", "parameter_value"),
    ("AT+CIPSSLCCONF=\"2\",0,0", "parameter 0", "parameter_kind"),
];

#[test]
fn a_line_that_is_refused_says_which_parameter_is_wrong() {
    let world = World::new();
    let modem = world.modem();
    let mut host = modem.switch_on();
    join(&mut host);
    for (line, names, code) in LINES {
        let said = why(&mut host, line);
        assert!(said.contains(names), "{line}: {said}");
        assert!(said.ends_with(&format!(",\"{code}\"")), "{line}: {said}");
    }
    let said = why(&mut host, "AT+CIPSERVER=1,8443,\"SSL\"");
    assert!(said.contains("AT+CIPMUX=1 first"), "{said}");
    assert!(said.ends_with(",\"server_mux\""), "{said}");
    host.ok("AT+CIPMUX=1");
    for (line, code) in [
        ("AT+CIPSTART=\"SSL\",\"192.168.3.129\",8739", "link_missing"),
        (
            "AT+CIPSTART=5,\"SSL\",\"192.168.3.129\",8739",
            "link_number",
        ),
    ] {
        let said = why(&mut host, line);
        let code = format!(",\"{code}\"");
        // Behind it is the reason of the server.
        assert!(
            said.lines().any(|why| why.ends_with(&code)),
            "{line}: {said}"
        );
    }
}

#[test]
fn numbers_of_items_that_there_are_not_say_which_there_are() {
    let world = World::new().option("--clock", "host");
    let world = world.server(PORT, Nobody::new().address());
    let modem = world.modem();
    let mut host = modem.switch_on();
    join(&mut host);
    host.load("client_ca", &world.image());
    host.ok("AT+CIPSSLCCONF=2,0,1");
    let said = why(&mut host, &start(PORT));
    assert!(
        said.contains("no CA item 1: there is item 0 alone"),
        "{said}"
    );
    host.ok("AT+CIPSSLCCONF=2,0,0");
    let said = why(&mut host, &start(PORT));
    assert!(said.ends_with(",\"connection_refused\""), "{said}");
}

#[test]
fn a_name_that_can_be_none_is_shown() {
    let world = World::new().option("--clock", "host");
    let modem = world.modem();
    let mut host = modem.switch_on();
    world.prepare(&mut host);
    host.ok("AT+CIPSSLCCN=\"my..broker\"");
    let said = why(&mut host, &start(PORT));
    assert!(said.contains("'my..broker'"), "{said}");
    assert!(said.ends_with(",\"name_invalid\""), "{said}");
}

/// A chip takes a password as a demand for encryption, which an open network does not meet.
#[test]
fn a_password_for_an_open_network_is_refused() {
    let world = World::new();
    let modem = world.modem();
    let mut host = modem.switch_on();
    host.ok("AT+CWMODE=1");
    let said = host.ask_until("AT+CWJAP=\"iot\",\"password1\"", "\r\nERROR\r\n");
    assert!(said.contains("+CWJAP:3"), "{said}");
    join(&mut host);
}

#[test]
fn an_access_point_that_cannot_be_is_wrong_usage() {
    for point in [
        "home,short",
        ",password1",
        "a-name-that-is-far-too-long-for-any-network,password1",
    ] {
        let said =
            output(command(env!("CARGO_BIN_EXE_espat")).args(["sim", "--stdio", "--ap", point]));
        let words = String::from_utf8_lossy(&said.stderr);
        assert_eq!(said.status.code(), Some(2), "{point}: {words}");
        assert!(words.contains("--ap"), "{point}: {words}");
    }
}
