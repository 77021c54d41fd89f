//! Hosts of the 1.x firmware, with `--dialect legacy`.

use crate::host::Host;

#[test]
fn the_names_of_1x_are_accepted_where_they_are_wanted() {
    let mut host = Host::new(&["--dialect", "legacy"]);
    host.exact("\r\nready\r\n");
    host.ask("ATE0", "ATE0\r\n\r\nOK\r\n");
    host.ok("AT+CWMODE_CUR=1");
    host.ask("AT+CWMODE_DEF?", "+CWMODE_DEF:1\r\n\r\nOK\r\n");
    host.ask(
        "AT+CWJAP_CUR=\"iot\",\"\"",
        "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n",
    );
    host.ok("AT+CIPSSLSIZE=4096");
    let station = host.answer("AT+CIPSTA_CUR?");
    assert!(
        station.starts_with("+CIPSTA_CUR:ip:\"192.168.3.112\"\r\n"),
        "{station}"
    );
    host.ask("AT", "\r\nOK\r\n");
}
