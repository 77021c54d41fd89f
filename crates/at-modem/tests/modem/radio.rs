//! Settings of the radio: ranges, roles, what survives (spec: at-commands A.22, B.3).

use std::net::Ipv4Addr;

use at_modem::wifi::{Encryption, Ipv4Config, Leases, WifiEvent};

use crate::support::radio::{OwnAp, access_point};
use crate::support::{Bench, Setup, text};

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";
const STATION: [u8; 6] = [0xaa, 0xbb, 0xcc, 0, 1, 2];

/// Set, query, and the query's answer before and after; in mode 3.
const STORED: &[(&str, &str, &str, &str)] = &[
    (
        "AT+CWRECONNCFG=60,100",
        "AT+CWRECONNCFG?",
        "+CWRECONNCFG:0,0",
        "+CWRECONNCFG:60,100",
    ),
    (
        "AT+CWSAP=\"ap\\,1\",\"1234567890\",5,3,4,1",
        "AT+CWSAP?",
        "+CWSAP:\"ESP_ABCDF0\",\"\",1,0,10,0",
        "+CWSAP:\"ap,1\",\"1234567890\",5,3,4,1",
    ),
    (
        "AT+CWSTAPROTO=3",
        "AT+CWSTAPROTO?",
        "+CWSTAPROTO:7",
        "+CWSTAPROTO:3",
    ),
    (
        "AT+CWAPPROTO=1",
        "AT+CWAPPROTO?",
        "+CWAPPROTO:7",
        "+CWAPPROTO:1",
    ),
    (
        "AT+CWCONFIG=10,3,100",
        "AT+CWCONFIG?",
        "+CWCONFIG:300,6,3",
        "+CWCONFIG:10,3,100",
    ),
    (
        "AT+CIPSTAMAC=\"18:fe:35:98:d3:7b\"",
        "AT+CIPSTAMAC?",
        "+CIPSTAMAC:\"02:00:00:ab:cd:ef\"",
        "+CIPSTAMAC:\"18:fe:35:98:d3:7b\"",
    ),
    (
        "AT+CIPAPMAC=\"18:fe:35:98:d3:7c\"",
        "AT+CIPAPMAC?",
        "+CIPAPMAC:\"02:00:00:ab:cd:f0\"",
        "+CIPAPMAC:\"18:fe:35:98:d3:7c\"",
    ),
    (
        "AT+CIPSTA=\"192.168.6.100\",\"192.168.6.1\",\"255.255.0.0\"",
        "AT+CIPSTA?",
        "+CIPSTA:ip:\"0.0.0.0\"\r\n+CIPSTA:gateway:\"0.0.0.0\"\r\n+CIPSTA:netmask:\"0.0.0.0\"",
        "+CIPSTA:ip:\"192.168.6.100\"\r\n+CIPSTA:gateway:\"192.168.6.1\"\r\n+CIPSTA:netmask:\"255.255.0.0\"",
    ),
    (
        "AT+CIPAP=\"10.0.0.1\"",
        "AT+CIPAP?",
        "+CIPAP:ip:\"192.168.4.1\"\r\n+CIPAP:gateway:\"192.168.4.1\"\r\n+CIPAP:netmask:\"255.255.255.0\"",
        "+CIPAP:ip:\"10.0.0.1\"\r\n+CIPAP:gateway:\"10.0.0.1\"\r\n+CIPAP:netmask:\"255.255.255.0\"",
    ),
    (
        "AT+CWDHCPS=1,3,\"10.0.0.10\",\"10.0.0.15\"",
        "AT+CWDHCPS?",
        "+CWDHCPS:120,\"10.0.0.2\",\"10.0.0.101\"",
        "+CWDHCPS:3,\"10.0.0.10\",\"10.0.0.15\"",
    ),
    ("AT+CWDHCP=0,2", "AT+CWDHCP?", "+CWDHCP:2", "+CWDHCP:0"),
];

/// Set, query, fresh answer, answer after.
const VOLATILE: &[(&str, &str, &str, &str)] = &[
    (
        "AT+CWHOSTNAME=\"my_test\"",
        "AT+CWHOSTNAME?",
        "+CWHOSTNAME:espressif",
        "+CWHOSTNAME:my_test",
    ),
    (
        "AT+CWCOUNTRY=1,\"DE\",2,10",
        "AT+CWCOUNTRY?",
        "+CWCOUNTRY:0,\"CN\",1,13",
        "+CWCOUNTRY:1,\"DE\",2,10",
    ),
];

fn both() -> Bench {
    let mut bench = Bench::new();
    bench.expect("AT+CWMODE=3", OK);
    bench
}

fn answer(lines: &str) -> String {
    format!("{lines}\r\n\r\nOK\r\n")
}

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 4, last)
}

#[test]
fn stored_settings_survive_and_the_others_do_not() {
    let mut bench = both();
    for (set, query, before, after) in STORED.iter().chain(VOLATILE) {
        bench.expect(query, answer(before));
        bench.expect(set, OK);
        bench.expect(query, answer(after));
    }
    let counts = bench.flash.counts();
    for (set, query, _, after) in STORED {
        bench.expect(set, OK);
        bench.expect(query, answer(after));
    }
    assert_eq!(counts.steps, bench.flash.counts().steps, "the same again");
    let mut bench = bench.power_off().boot().quiet();
    for (_, query, _, after) in STORED {
        bench.expect(query, answer(after));
    }
    for (_, query, fresh, _) in VOLATILE {
        bench.expect(query, answer(fresh));
    }
    // The radio was configured before the first command.
    let tuned = bench.radio.tuned().unwrap();
    assert_eq!((tuned.1, tuned.2), (3, 1));
    assert_eq!((tuned.7, tuned.8, tuned.9), (10, 3, 100));
    let ap = bench.radio.soft_ap().unwrap();
    assert_eq!(
        (&ap.ssid[..], &ap.password[..]),
        (&b"ap,1"[..], &b"1234567890"[..])
    );
    assert_eq!(
        (ap.address.address, ap.leases),
        (Ipv4Addr::new(10, 0, 0, 1), None)
    );

    bench.line("AT+RESTORE");
    bench.settle();
    let mut bench = bench.power_off().boot().quiet();
    bench.expect("AT+CWMODE=3", OK);
    bench.expect("AT+CWDHCP?", "+CWDHCP:3\r\n\r\nOK\r\n");
    for (_, query, before, _) in STORED.iter().filter(|row| row.1 != "AT+CWDHCP?") {
        // The pool follows from the address.
        let before = before.replace("10.0.0.", "192.168.4.");
        bench.expect(query, answer(&before));
    }
}

#[test]
fn sysstore_0_keeps_all_of_it_out_of_flash() {
    let mut bench = both();
    bench.expect("AT+SYSSTORE=0", OK);
    let before = bench.flash.bytes();
    for (set, query, _, after) in STORED.iter().chain(VOLATILE) {
        bench.expect(set, OK);
        bench.expect(query, answer(after));
    }
    assert!(bench.flash.bytes() == before);
}

#[test]
fn a_radio_without_these_is_said_so_and_nothing_is_kept() {
    let mut bench = both();
    bench.radio.refuses();
    let before = bench.flash.bytes();
    for line in [
        "AT+CWSAP=\"ap\",\"1234567890\",5,3",
        "AT+CIPSTAMAC=\"18:fe:35:98:d3:7b\"",
        "AT+CIPAPMAC=\"18:fe:35:98:d3:7b\"",
        "AT+CIPSTA=\"192.168.6.100\"",
        "AT+CIPAP=\"10.0.0.1\"",
        "AT+CWDHCPS=1,3,\"192.168.4.10\",\"192.168.4.15\"",
        "AT+CWDHCP=0,2",
        "AT+CWDHCP=0,4",
        "AT+CWHOSTNAME=\"x\"",
    ] {
        bench.expect(line, ERROR);
    }
    assert!(bench.flash.bytes() == before);
    bench.expect("AT+CIPAP?", answer(STORED[8].2));
    bench.expect("AT+CWDHCP?", "+CWDHCP:3\r\n\r\nOK\r\n");
    bench.expect("AT+CWSAP?", answer(STORED[1].2));
    // Roles that need it cannot be taken either, others can.
    bench.expect("AT+CWMODE=1", OK);
    for mode in [2, 3] {
        bench.expect(format!("AT+CWMODE={mode}"), ERROR);
        bench.expect("AT+CWMODE?", "+CWMODE:1\r\n\r\nOK\r\n");
    }
}

#[test]
fn some_commands_belong_to_a_role() {
    let soft_ap = [
        "AT+CWSAP?",
        "AT+CWSAP=\"a\",\"12345678\",5,3",
        "AT+CWQIF",
        "AT+CIPAP=\"10.0.0.1\"",
    ];
    let station = [
        "AT+CWHOSTNAME?",
        "AT+CWHOSTNAME=\"x\"",
        "AT+CWLAP",
        "AT+CWJAP=\"iot\",\"\"",
    ];
    let mut bench = Bench::new();
    for (mode, has_station, has_ap) in [
        (0, false, false),
        (1, true, false),
        (2, false, true),
        (3, true, true),
    ] {
        let heard = bench.line(format!("AT+CWMODE={mode}"));
        assert!(heard.starts_with(&text(OK.as_bytes())), "{heard}");
        for (lines, works) in [(&soft_ap, has_ap), (&station, has_station)] {
            for line in lines {
                let heard = bench.line(line);
                let end = if works { OK } else { ERROR };
                assert!(
                    heard.ends_with(&text(end.as_bytes())),
                    "{line} in {mode}: {heard}"
                );
            }
        }
        bench.line("AT+CWQAP");
    }
    // Without a driver there is no role.
    bench.expect("AT+CWINIT=0", OK);
    bench.expect("AT+CWINIT?", "+CWINIT:0\r\n\r\nOK\r\n");
    assert_eq!(bench.radio.soft_ap(), None);
    for line in soft_ap.iter().chain(&station) {
        bench.expect(line, ERROR);
    }
    bench.expect("AT+CIFSR", OK);
    bench.expect("AT+CWINIT=1", OK);
    assert!(bench.radio.soft_ap().is_some());
    bench.expect("AT+CWHOSTNAME?", answer("+CWHOSTNAME:x"));
}

#[test]
fn the_access_point_follows_mode_and_settings() {
    let mut bench = Bench::new();
    assert_eq!(bench.radio.soft_ap(), None);
    bench.expect("AT+CWMODE=2", OK);
    let own = Ipv4Config {
        address: ip(1),
        gateway: ip(1),
        netmask: Ipv4Addr::new(255, 255, 255, 0),
    };
    let open = OwnAp {
        ssid: b"ESP_ABCDF0".to_vec(),
        password: Vec::new(),
        channel: 1,
        encryption: Encryption::Open,
        max_stations: 10,
        hidden: false,
        address: own,
        leases: Some(Leases {
            minutes: 120,
            start: ip(2),
            end: ip(101),
        }),
    };
    assert_eq!(bench.radio.soft_ap(), Some(open.clone()));
    bench.expect("AT+CWSAP=\"ESP32_softAP\",\"1234567890\",5,3", OK);
    let closed = OwnAp {
        ssid: b"ESP32_softAP".to_vec(),
        password: b"1234567890".to_vec(),
        channel: 5,
        encryption: Encryption::Wpa2Psk,
        ..open
    };
    assert_eq!(bench.radio.soft_ap(), Some(closed.clone()));
    bench.expect("AT+CWDHCPS=1,3,\"192.168.4.10\",\"192.168.4.15\"", OK);
    let leases = Leases {
        minutes: 3,
        start: ip(10),
        end: ip(15),
    };
    assert_eq!(bench.radio.soft_ap().unwrap().leases, Some(leases));
    bench.expect("AT+CWDHCP=0,2", OK);
    assert_eq!(bench.radio.soft_ap().unwrap().leases, None);
    bench.expect("AT+CWDHCP=1,2", OK);
    assert_eq!(bench.radio.soft_ap().unwrap().leases, Some(leases));
    bench.expect("AT+CWDHCPS=0", OK);
    assert_eq!(bench.radio.soft_ap(), Some(closed));
    bench.expect(
        "AT+CIFSR",
        "+CIFSR:APIP,\"192.168.4.1\"\r\n+CIFSR:APMAC,\"02:00:00:ab:cd:f0\"\r\n\r\nOK\r\n",
    );
    // The same mode again leaves it alone, another one stops it.
    bench.expect("AT+CWMODE=2", OK);
    bench.expect("AT+CWMODE=1", OK);
    assert_eq!(bench.radio.soft_ap(), None);
    bench.expect("AT+CWMODE=3", OK);
    assert_eq!(bench.radio.soft_ap().unwrap().ssid, b"ESP32_softAP");
    bench.expect(
        "AT+CIFSR",
        "+CIFSR:APIP,\"192.168.4.1\"\r\n+CIFSR:APMAC,\"02:00:00:ab:cd:f0\"\r\n+CIFSR:STAIP,\"0.0.0.0\"\r\n+CIFSR:STAMAC,\"02:00:00:ab:cd:ef\"\r\n\r\nOK\r\n",
    );
}

#[test]
fn a_pool_lies_in_the_access_points_network_beside_its_address() {
    let mut bench = both();
    for pool in [
        "\"192.168.5.10\",\"192.168.5.15\"",
        "\"192.168.4.10\",\"192.168.5.15\"",
        "\"192.168.4.1\",\"192.168.4.15\"",
        "\"192.168.4.15\",\"192.168.4.10\"",
    ] {
        bench.expect(format!("AT+CWDHCPS=1,3,{pool}"), ERROR);
    }
    bench.expect("AT+CWDHCPS=1,3,\"192.168.4.10\",\"192.168.4.15\"", OK);
    // A network that the pool fits keeps it, another one does not.
    bench.expect("AT+CIPAP=\"192.168.4.2\"", OK);
    bench.expect(
        "AT+CWDHCPS?",
        answer("+CWDHCPS:3,\"192.168.4.10\",\"192.168.4.15\""),
    );
    bench.expect("AT+CIPAP=\"10.0.0.1\"", OK);
    bench.expect(
        "AT+CWDHCPS?",
        answer("+CWDHCPS:120,\"10.0.0.2\",\"10.0.0.101\""),
    );
    bench.restart();
    bench.expect(
        "AT+CWDHCPS?",
        answer("+CWDHCPS:120,\"10.0.0.2\",\"10.0.0.101\""),
    );
}

#[test]
fn stations_are_reported_listed_and_deauthenticated() {
    let mut bench = both();
    bench
        .radio
        .happens(WifiEvent::StationJoined { mac: STATION });
    bench.radio.happens(WifiEvent::StationAddressed {
        mac: STATION,
        address: ip(2),
    });
    bench.hear("+STA_CONNECTED:\"aa:bb:cc:00:01:02\"\r\n+DIST_STA_IP:\"aa:bb:cc:00:01:02\",\"192.168.4.2\"\r\n");
    bench.expect("AT+CWLIF", OK);
    bench
        .radio
        .set_stations(vec![(STATION, ip(2)), ([2; 6], ip(3))]);
    bench.expect(
        "AT+CWLIF",
        "+CWLIF:192.168.4.2,aa:bb:cc:00:01:02\r\n+CWLIF:192.168.4.3,02:02:02:02:02:02\r\n\r\nOK\r\n",
    );
    bench.expect("AT+CWQIF=\"aa:bb:cc:00:01:02\"", OK);
    bench.expect("AT+CWQIF", OK);
    assert_eq!(bench.radio.deauthenticated(), [Some(STATION), None]);
    bench.radio.happens(WifiEvent::StationLeft { mac: STATION });
    bench.hear("+STA_DISCONNECTED:\"aa:bb:cc:00:01:02\"\r\n");
}

#[test]
fn only_the_named_bits_of_dhcp_change() {
    let mut bench = both();
    for (line, state) in [
        ("AT+CWDHCP=0,1", 2),
        ("AT+CWDHCP=1,1", 3),
        ("AT+CWDHCP=0,2", 1),
        ("AT+CWDHCP=0,3", 0),
        ("AT+CWDHCP=1,3", 3),
        ("AT+CWDHCP=0,0", 3),
    ] {
        bench.expect(line, OK);
        bench.expect("AT+CWDHCP?", format!("+CWDHCP:{state}\r\n\r\nOK\r\n"));
    }
}

#[test]
fn a_fixed_address_ends_dhcp_and_dhcp_ends_it() {
    let mut bench = Bench::joined();
    bench.expect("AT+CIPSTA=\"192.168.6.100\"", OK);
    bench.expect("AT+CWDHCP?", "+CWDHCP:2\r\n\r\nOK\r\n");
    let fixed = "+CIPSTA:ip:\"192.168.6.100\"\r\n+CIPSTA:gateway:\"192.168.6.100\"\r\n+CIPSTA:netmask:\"255.255.255.0\"";
    bench.expect("AT+CIPSTA?", answer(fixed));
    assert_eq!(bench.restart(), text(b"WIFI CONNECTED\r\nWIFI GOT IP\r\n"));
    bench.expect("AT+CIPSTA?", answer(fixed));
    bench.expect("AT+CWDHCP=1,1", OK);
    bench.expect(
        "AT+CIPSTA?",
        answer("+CIPSTA:ip:\"192.168.3.112\"\r\n+CIPSTA:gateway:\"192.168.3.1\"\r\n+CIPSTA:netmask:\"255.255.255.0\""),
    );
    // For good.
    bench.restart();
    bench.expect("AT+CWDHCP?", "+CWDHCP:3\r\n\r\nOK\r\n");
    // Without DHCP the station keeps the address it has.
    bench.expect("AT+CWDHCP=0,1", OK);
    bench.expect("AT+CWDHCP?", "+CWDHCP:2\r\n\r\nOK\r\n");
    let heard = bench.line("AT+CIPSTA?");
    assert!(heard.contains("192.168.3.112"), "{heard}");
}

#[test]
fn a_scan_answers_as_it_was_configured() {
    let mut bench = Setup::new().boot().quiet();
    bench.expect("AT+CWMODE=1", OK);
    let at = |ssid: &[u8], last, rssi, encryption| {
        let mut found = access_point(ssid, last, encryption);
        found.rssi = rssi;
        found
    };
    bench.radio.surround(vec![
        at(b"far", 1, -90, Encryption::Open),
        at(b"near", 2, -30, Encryption::Wpa2Psk),
        at(b"mid", 3, -60, Encryption::Wep),
    ]);
    for (options, names) in [
        ("0,2", &["far", "near", "mid"][..]),
        (",2", &["far", "near", "mid"]),
        ("1,2", &["near", "mid", "far"]),
        ("1,2,-60", &["near", "mid"]),
        ("1,2,-59", &["near"]),
        ("1,2,40", &[]),
        ("1,2,,8", &["near"]),
        ("1,2,,3", &["mid", "far"]),
        ("1,2,-60,1", &[]),
        ("0,2,-100,65535", &["far", "near", "mid"]),
    ] {
        bench.expect(format!("AT+CWLAPOPT={options}"), OK);
        let lines: String = names
            .iter()
            .map(|name| format!("+CWLAP:(\"{name}\")\r\n"))
            .collect();
        bench.expect("AT+CWLAP", format!("{lines}{OK}"));
    }
    bench.expect("AT+CWLAPOPT=1,31", OK);
    bench.expect(
        "AT+CWLAP=\"mid\"",
        "+CWLAP:(1,\"mid\",-60,\"02:00:00:00:00:03\",6)\r\n\r\nOK\r\n",
    );
    bench.restart();
    let heard = bench.line("AT+CWLAP=\"mid\"");
    assert!(heard.contains(",-1,-1,"), "{heard}");
}

#[test]
fn names_and_countries_reach_the_radio() {
    let mut bench = Bench::new();
    bench.expect("AT+CWMODE=1", OK);
    bench.expect("AT+CWHOSTNAME=\"my_test\"", OK);
    assert_eq!(bench.radio.hostname().unwrap(), "my_test");
    bench.expect("AT+CWCOUNTRY=1,\"DE\",2,10", OK);
    bench.expect("AT+CWCONFIG=,600", OK);
    bench.expect("AT+CWSTAPROTO=1", OK);
    let tuned = bench.radio.tuned().unwrap();
    assert_eq!(tuned, (78, 1, 7, "DE".to_owned(), true, 2, 10, 300, 600, 3));
}
