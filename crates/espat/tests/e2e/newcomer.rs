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
        r#"AT+CIPSTART="SSL","https://192.168.3.129",8739"#,
        "https://192.168.3.129",
        "host_is_url",
    ),
    (
        r#"AT+CIPSTART="SSL","192.168.3.129:8739",8739"#,
        "192.168.3.129:8739",
        "host_is_url",
    ),
    (
        r#"AT+CIPSTART="SSL","192.168.3.129/path",8739"#,
        "192.168.3.129/path",
        "host_is_url",
    ),
    (
        r#"AT+CIPSTART="TLS","192.168.3.129",8739"#,
        "SSL, SSLv6",
        "parameter_value",
    ),
    (
        r#"AT+CIPSTART="TLS","192.168.3.129",8739"#,
        "'TLS' in AT+CIPSTART",
        "parameter_value",
    ),
    (
        r#"AT+CIPSTART="SSL","192.168.3.129","8739""#,
        "parameter 2 is a number in quotes",
        "parameter_kind",
    ),
    (
        r#"AT+CIPSTART="SSL","192.168.3.129",87390"#,
        "87390 in AT+CIPSTART",
        "parameter_value",
    ),
    (
        r#"AT+CIPSTART="SSL","192.168.3.129",0"#,
        r#""1 to 65535""#,
        "parameter_value",
    ),
    (
        r#"AT+CIPSTART="SSL","192.168.3.129",-8739"#,
        "-8739 in AT+CIPSTART",
        "parameter_value",
    ),
    (
        r#"AT+CIPSTART="SSL","192.168.3.129",99999999999"#,
        r#""1 to 65535""#,
        "parameter_value",
    ),
    (
        r#"AT+CIPSTART="SSL","192.168.3.129""#,
        "needed: 3",
        "parameter_count",
    ),
    (
        r#"AT+CIPSTART ="SSL","192.168.3.129",8739"#,
        r#""no blank here","command does not have this form (=, ? or neither): character 12 of AT+CIPSTART""#,
        "command_form",
    ),
    (
        r#"AT+CIPSTART="SSL", "192.168.3.129",8739"#,
        " '192.168.3.129' in AT+CIPSTART, character 19",
        "parameter_syntax",
    ),
    (
        "AT+CIPSTART=\u{201c}SSL\u{201d},\"192.168.3.129\",8739",
        r#""plain quotes (U+0022)","parameter 0 is missing"#,
        "parameter_syntax",
    ),
    (
        r#"AT+CIPSTART=SSL,"192.168.3.129",8739"#,
        "parameter 0 is missing or cannot be read",
        "parameter_syntax",
    ),
    (
        r#"AT+CIPSTART="SSL",192.168.3.129,8739"#,
        "192.168.3.129 in AT+CIPSTART",
        "parameter_syntax",
    ),
    (
        r#"AT+CIPSTART="SSL","192.168.3.129,8739"#,
        "parameter 1 is missing or cannot be read",
        "parameter_syntax",
    ),
    (
        r#"AT+CIPSTART="SSL","",8739"#,
        "1 to 64 bytes without blanks",
        "parameter_value",
    ),
    (
        r#"AT+CIPSTART="SSL","my broker",8739"#,
        "'my broker' in AT+CIPSTART",
        "parameter_value",
    ),
    (
        r#"AT+CIPSTART="SSL","192.168.3.129",8739,"60""#,
        "'60' in AT+CIPSTART",
        "parameter_kind",
    ),
    (
        r#"AT+CIPSTART="SSL","192.168.3.129",8739,9999"#,
        r#""0 to 7200 (s)""#,
        "parameter_value",
    ),
    (
        r#"AT+CIPSTART="SSL","192.168.3.129",8739,60,"eth0""#,
        "an IP address of this modem",
        "parameter_value",
    ),
    (
        r#"AT+CIPSTART="SSL","192.168.3.129",8739,60,"",90000"#,
        r#""0 to 60000 (ms)""#,
        "parameter_value",
    ),
    (
        r#"AT+CIPSTART=0,"SSL","192.168.3.129",8739"#,
        "AT+CIPMUX is 0",
        "link_unwanted",
    ),
    ("AT+CIPSSLCCONF=5,0,0", r#""0 to 3""#, "parameter_value"),
    (
        r#"AT+CIPSSLCCONF="2",0,0"#,
        "'2' in AT+CIPSSLCCONF",
        "parameter_kind",
    ),
    ("AT+CIPSSLCCONF=2,0,256", r#""0 to 255""#, "parameter_value"),
    ("AT+CIPSSLCCONF=0,2,0,0", "needed: 3", "parameter_count"),
    ("AT+CIPSSLCCONF", "does not have this form", "command_form"),
    (
        "AT+CIPSSLCCN=broker",
        "broker in AT+CIPSSLCCN",
        "parameter_syntax",
    ),
    (
        r#"AT+CIPSSLCCN="bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb""#,
        "65 bytes, 64 are allowed",
        "parameter_length",
    ),
    (
        r#"AT+CIPSSLCSNI="my broker""#,
        "'my broker' in AT+CIPSSLCSNI",
        "parameter_value",
    ),
    (r#"AT+CIPSSLCALPN=2,"mqtt""#, "needed: 3", "parameter_count"),
    (
        r#"AT+CIPSSLCALPN="mqtt""#,
        "'mqtt' in AT+CIPSSLCALPN",
        "parameter_kind",
    ),
    (
        r#"AT+CIPSSLCCIPHER=1,"TLS_AES_128_GCM_SHA256""#,
        "parameter 1 is a number in quotes or text",
        "parameter_kind",
    ),
    (
        "AT+SSLVERSION=1.2,1.3",
        "1.2 in AT+SSLVERSION",
        "parameter_syntax",
    ),
    ("AT+SSLVERSION=2,3", r#""12, 13""#, "parameter_value"),
    (
        "AT+SSLVERSION=13,12",
        "not below the first",
        "parameter_value",
    ),
    ("AT+SSLPOLICY=on", "on in AT+SSLPOLICY", "parameter_syntax"),
    ("AT+SSLPOLICY=2", r#""0, 1""#, "parameter_value"),
    (
        r#"AT+CIPSSLCPSKHEX="0x1234","device""#,
        "at most 64 hex digits",
        "parameter_value",
    ),
    (
        r#"AT+CIPSSLCPSK="secret","""#,
        "1 to 32 bytes",
        "parameter_value",
    ),
    (
        r#"AT+CIPSERVER=1,8443,"TLS""#,
        r#""TCP, TCPv6, SSL, SSLv6""#,
        "parameter_value",
    ),
];

/// The same with several links; the line says which link it is about.
const LINES_OF_LINKS: &[(&str, &str, &str)] = &[
    (
        r#"AT+CIPSTART="SSL","192.168.3.129",8739"#,
        "link number is missing",
        "link_missing",
    ),
    (
        r#"AT+CIPSTART=5,"SSL","192.168.3.129",8739"#,
        "no link has the number 5; 0 to 4 are links",
        "link_number",
    ),
    (
        r#"AT+CIPSTART=-1,"SSL","192.168.3.129",8739"#,
        "0 to 4 are links",
        "link_number",
    ),
    (
        r#"AT+CIPSTART=0,"SSL","192.168.3.129""#,
        "needed: 4",
        "parameter_count",
    ),
    (
        r#"AT+CIPSTART=0,"SSL","192.168.3.129",87390"#,
        "87390 in AT+CIPSTART",
        "parameter_value",
    ),
    ("AT+CIPSSLCCONF=2", "needed: 2", "parameter_count"),
    ("AT+CIPSSLCCONF=0,4,0,0", r#""0 to 3""#, "parameter_value"),
    (
        r#"AT+CIPSSLCCN="broker.local""#,
        "link number is missing",
        "link_missing",
    ),
    (r#"AT+CIPSSLCALPN=1,"mqtt""#, "mqtt", "parameter_kind"),
    (
        r#"AT+CIPSSLCPSK="key","device""#,
        "link number is missing",
        "link_missing",
    ),
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
    for (line, names, code) in LINES_OF_LINKS {
        let said = why(&mut host, line);
        // Behind it is the reason of the server.
        let code = format!(",\"{code}\"");
        let reason = said.lines().find(|why| why.ends_with(&code));
        assert!(
            reason.is_some_and(|it| it.contains(names)),
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
