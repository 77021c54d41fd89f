//! Addresses and names: `AT+CIPV6`, `AT+CIPDNS`, `AT+PING`.

use core::net::IpAddr;

use at_grammar::commands::network::DnsServers;

use super::*;

#[test]
fn network() {
    use crate::forms::*;
    let dns = |manual, servers: [Option<&str>; 3]| {
        Ok(Command::Network(CipdnsSet(DnsServers {
            manual,
            servers: servers.map(|ip| ip.map(|ip| ip.parse::<IpAddr>().unwrap())),
        })))
    };
    check(&[
        (ONE, "AT+CIPV6?", Ok(Command::Network(Cipv6Query))),
        (ONE, "AT+CIPV6=1", Ok(Command::Network(Cipv6Set(true)))),
        (ONE, "AT+CIPV6=2", Err(0x0107_0000)),
        (ONE, "AT+CIPDNS?", Ok(Command::Network(CipdnsQuery))),
        (ONE, "AT+CIPDNS=0", dns(false, [None; 3])),
        (
            ONE,
            "AT+CIPDNS=1,\"208.67.222.222\",\"8.8.8.8\",\"2001:4860:4860::8888\"",
            dns(
                true,
                [
                    Some("208.67.222.222"),
                    Some("8.8.8.8"),
                    Some("2001:4860:4860::8888"),
                ],
            ),
        ),
        (
            ONE,
            "AT+CIPDNS=1,,\"8.8.8.8\"",
            dns(true, [None, Some("8.8.8.8"), None]),
        ),
        (ONE, "AT+CIPDNS=2", Err(0x0107_0000)),
        (ONE, "AT+CIPDNS=1,\"8.8.8\"", Err(0x0107_0001)),
        (ONE, "AT+CIPDNS=1,8", Err(0x0105_0001)),
        (ONE, "AT+CIPDNS=1,\"8.8.8.8\",\"8.8.8.8\"", Err(0x0107_0002)),
        (
            ONE,
            "AT+CIPDNS=1,\"8.8.8.8\",,\"8.8.8.8\"",
            Err(0x0107_0003),
        ),
        (
            ONE,
            "AT+CIPDNS=1,\"1.1.1.1\",\"1.1.1.2\",\"1.1.1.3\",\"1.1.1.4\"",
            Err(0x0106_0405),
        ),
        (
            ONE,
            "AT+PING=\"x\"",
            Ok(Command::Network(PingSet(host("x")))),
        ),
        (ONE, "AT+PING=\"\"", Err(0x0107_0000)),
        (ONE, "AT+PING=8", Err(0x0105_0000)),
        (ONE, "AT+PING=\"x\",1", Err(0x0106_0102)),
        (ONE, "AT+PING", Err(0x010c_0000)),
    ]);
}
