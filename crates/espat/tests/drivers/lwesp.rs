//! lwesp: everything by lines, `\n>` for a prompt, `+LINK_CONN`, and missing commands recognised by their code.

use crate::host::Host;
use crate::peer::{Over, Server};

#[test]
fn it_learns_what_is_missing_and_counts_both_oks_of_a_write() {
    session(Over::Tcp);
}

#[test]
fn a_server_of_tls_1_2_makes_no_difference() {
    session(Over::Tls12);
}

fn session(over: Over) {
    let kind = over.kind();
    let server = Server::over(over);
    let map = server.map("192.168.3.102:8080");
    let mut host = Host::new(&["--map", &map, "--layout", "mfg-nvs"]);
    host.exact("\r\nready\r\n");
    host.ask("ATE0", "ATE0\r\n\r\nOK\r\n");
    let version = host.answer("AT+GMR");
    assert!(version.starts_with("AT version:2.4."), "{version}");
    host.ok("AT+SYSMSG=7");
    host.ok("AT+SYSLOG=1");
    host.ask("AT+BLEINIT?", "ERR CODE:0x01090000\r\n\r\nERROR\r\n");
    assert!(
        host.answer("AT+SYSFLASH?")
            .starts_with("+SYSFLASH:\"mfg_nvs\",")
    );
    let spaces = host.answer("AT+SYSMFG?");
    assert!(spaces.contains("+SYSMFG:\"factory_param\"\r\n"), "{spaces}");
    host.send("AT+SYSMFG=2,\"client_ca\",\"client_ca.0\",8,10\r\n");
    host.exact("\r\nOK\r\n\r\n>");
    host.send("0123456789");
    // AT+SYSLOG=1 says before it what was written; it is the second OK that counts.
    host.until("\r\nOK\r\n");

    host.ok("AT+CWMODE=1");
    host.ok("AT+CIPMUX=1");
    host.ok("AT+CIPRECVMODE=1");
    host.ok("AT+CIPDINFO=1");
    host.ask(
        "AT+CWJAP=\"iot\",\"\"",
        "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
    );
    host.send(&format!(
        "AT+CIPSTART=3,\"{kind}\",\"192.168.3.102\",8080\r\n"
    ));
    let conn = host.line();
    assert!(
        conn.starts_with(&format!(
            "+LINK_CONN:0,3,\"{kind}\",0,\"192.168.3.102\",8080,"
        )),
        "{conn}"
    );
    host.exact("\r\nOK\r\n");
    let mut peer = server.accept();
    host.send("AT+CIPSEND=3,3\r\n");
    host.until("\n>");
    host.send("abc");
    assert_eq!(host.line(), "Recv 3 bytes");
    assert_eq!(host.line(), "SEND OK");
    assert_eq!(peer.take(3), b"abc");
    peer.send(b"defg");
    assert_eq!(host.line(), "+IPD,3,4");
    host.ask(
        "AT+CIPRECVDATA=3,4",
        "+CIPRECVDATA:4,\"192.168.3.102\",8080,defg\r\nOK\r\n",
    );
    drop(peer);
    assert_eq!(host.line(), "3,CLOSED");
}
