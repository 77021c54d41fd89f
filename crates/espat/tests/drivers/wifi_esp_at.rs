//! WiFiEspAT for Arduino: probes with `?`, polls lengths, keeps its state in the module.

use crate::host::Host;
use crate::peer::{Over, Server};

#[test]
fn it_probes_polls_and_reads_in_pieces() {
    session(Over::Tcp);
}

#[test]
fn a_server_of_tls_1_2_makes_no_difference() {
    session(Over::Tls12);
}

#[expect(clippy::too_many_lines, reason = "one claim, case after case")]
fn session(over: Over) {
    let kind = over.kind();
    let server = Server::over(over);
    let map = server.map("192.168.3.102:8080");
    let mut host = Host::new(&["--map", &map, "--clock", "host"]);
    host.exact("\r\nready\r\n");
    host.ask("?", "?\r\n\r\nERROR\r\n");
    host.ask("ATE0", "ATE0\r\n\r\nOK\r\n");
    host.ok("AT+CIPMUX=1");
    host.ok("AT+CIPRECVMODE=1");
    host.ok("AT+CWMODE=1");
    host.ask("AT+CWMODE?", "+CWMODE:1\r\n\r\nOK\r\n");
    host.ok("AT+CWAUTOCONN=0");
    host.ask("AT+CIPRECVLEN?", "+CIPRECVLEN:-1,-1,-1,-1,-1\r\n\r\nOK\r\n");
    host.ask(
        "AT+CWJAP=\"iot\",\"\"",
        "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
    );
    host.ok("AT+CWHOSTNAME=\"station-1\"");
    host.ask("AT+CWHOSTNAME?", "+CWHOSTNAME:station-1\r\n\r\nOK\r\n");
    let time = host.answer("AT+SYSTIMESTAMP?");
    let time = time.strip_prefix("+SYSTIMESTAMP:").expect("its head");
    let time: u64 = time
        .lines()
        .next()
        .expect("a line")
        .parse()
        .expect("seconds");
    assert!(time > 1_700_000_000);

    host.ask(
        &format!("AT+CIPSTART=0,\"{kind}\",\"192.168.3.102\",8080"),
        "0,CONNECT\r\n\r\nOK\r\n",
    );
    let mut peer = server.accept();
    let links = host.answer("AT+CIPSTATUS");
    assert!(
        links.starts_with(&format!(
            "STATUS:3\r\n+CIPSTATUS:0,\"{kind}\",\"192.168.3.102\",8080,"
        )),
        "{links}"
    );
    let links = host.answer("AT+CIPSTATE?");
    assert!(
        links.starts_with(&format!("+CIPSTATE:0,\"{kind}\",\"192.168.3.102\",8080,")),
        "{links}"
    );

    peer.send(&[b'x'; 100]);
    host.exact("\r\n+IPD,0,100\r\n");
    let mut left = 100;
    while left > 0 {
        let lengths = host.answer("AT+CIPRECVLEN?");
        let head = format!("+CIPRECVLEN:{left},-1,-1,-1,-1\r\n");
        // What is left may be announced again before the answer.
        assert!(lengths.contains(&head), "{lengths}");
        host.send("AT+CIPRECVDATA=0,64\r\n");
        host.until("+CIPRECVDATA:");
        let count: usize = host
            .until(",")
            .trim_end_matches(',')
            .parse()
            .expect("a length");
        assert_eq!(host.bytes(count), vec![b'x'; count]);
        host.exact("\r\nOK\r\n");
        left -= count;
    }
    host.ask("AT+CIPRECVDATA=0,64", "\r\nERROR\r\n");
    host.ask("AT+CIPCLOSE=0", "0,CLOSED\r\n\r\nOK\r\n");
}
