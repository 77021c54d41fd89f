//! Joins, losses and scans, without a clock.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use at_modem::wifi::Password;
use futures_lite::future::{block_on, poll_once};

use super::*;

fn spec(text: &[u8]) -> ApSpec {
    ApSpec::parse(OsStr::from_bytes(text)).unwrap()
}

fn request<'a>(ssid: &'a [u8], password: &'a [u8]) -> Join<'a> {
    Join {
        ssid,
        password: Password(password),
        bssid: None,
        secure_only: false,
    }
}

/// The result of a join and the events that it reported.
fn join(wifi: &SimWifi, request: Join<'_>) -> (Result<(), JoinError>, Vec<WifiEvent>) {
    let mut reported = Vec::new();
    let result = block_on(wifi.join(request, async |event| reported.push(event)));
    (result, reported)
}

#[test]
fn an_access_point_is_read_from_its_two_parts() {
    for (text, ssid, password) in [
        (&b"home"[..], &b"home"[..], &b""[..]),
        (b"home,", b"home", b""),
        (b"home,secret12", b"home", b"secret12"),
        (b"home,a,b,c,d,e", b"home", b"a,b,c,d,e"),
        (b"\xff\xfe,\x80-------", b"\xff\xfe", b"\x80-------"),
        (&[b'a'; 32], &[b'a'; 32], b""),
    ] {
        let spec = spec(text);
        assert_eq!((&*spec.ssid, &*spec.password), (ssid, password));
    }
    let long = [&b"a,"[..], &[b'p'; 65]].concat();
    for (text, error) in [
        (&b""[..], ApError::NoSsid),
        (b",password", ApError::NoSsid),
        (&[b'a'; 33], ApError::SsidTooLong { length: 33 }),
        (&long, ApError::PasswordLength { length: 65 }),
    ] {
        assert_eq!(ApSpec::parse(OsStr::from_bytes(text)), Err(error));
    }
}

/// 8 to 63 characters, 64 digits, or none.
#[test]
fn a_password_that_no_network_can_have_is_refused() {
    for length in 0..=66 {
        for byte in [b'a', b'p'] {
            let text = [&b"a,"[..], &vec![byte; length]].concat();
            let digits = length == 64 && byte == b'a';
            let possible = length == 0 || (8..=63).contains(&length) || digits;
            let expected = if possible {
                Ok(())
            } else {
                Err(ApError::PasswordLength { length })
            };
            let found = ApSpec::parse(OsStr::from_bytes(&text)).map(drop);
            assert_eq!(found, expected, "{length}");
        }
    }
}

#[test]
fn debug_output_hides_the_password() {
    assert!(!format!("{:?}", spec(b"home,swordfish")).contains("swordfish"));
}

/// As on the chip: a password asks for a protected network.
#[test]
fn an_open_network_is_not_joined_with_a_password() {
    let wifi = SimWifi::new(&[]);
    let (result, reported) = join(&wifi, request(b"iot", b"not asked for"));
    assert_eq!((result, reported), (Err(JoinError::NotFound), Vec::new()));
}

#[test]
fn a_comma_in_a_name_is_escaped() {
    for (text, ssid, password) in [
        (
            &br"My_2\,4GHz,password1"[..],
            &b"My_2,4GHz"[..],
            &b"password1"[..],
        ),
        (br"a\\,b-------", br"a\", b"b-------"),
        (br"a\b,c\,d----", br"a\b", br"c\,d----"),
    ] {
        let spec = spec(text);
        assert_eq!((&*spec.ssid, &*spec.password), (ssid, password));
    }
}

#[test]
fn a_join_connects_and_then_gets_the_address() {
    let wifi = SimWifi::new(&[spec(b"home,secret12"), spec(b"\xff\x00")]);
    for (ssid, password, encryption) in [
        (&b"iot"[..], &b""[..], Encryption::Open),
        (b"home", b"secret12", Encryption::Wpa2Psk),
        (b"\xff\x00", b"", Encryption::Open),
    ] {
        let (result, reported) = join(&wifi, request(ssid, password));
        assert_eq!(result, Ok(()));
        assert_eq!(reported, [WifiEvent::Connected, WifiEvent::GotIp]);
        let association = wifi.association().unwrap();
        assert_eq!(association.ssid, *ssid);
        assert_eq!(association.encryption, encryption);
        assert_eq!(
            wifi.address().unwrap().address,
            Ipv4Addr::new(192, 168, 3, 112)
        );
        assert_eq!(
            block_on(poll_once(wifi.event())),
            None,
            "the join has reported it"
        );
    }
}

#[test]
fn the_address_comes_after_the_association() {
    let wifi = SimWifi::new(&[]);
    let mut seen = Vec::new();
    block_on(wifi.join(request(b"iot", b""), async |event| {
        seen.push((
            event,
            wifi.association().is_some(),
            wifi.address().is_some(),
        ));
    }))
    .unwrap();
    assert_eq!(
        seen,
        [
            (WifiEvent::Connected, true, false),
            (WifiEvent::GotIp, true, true)
        ]
    );
}

#[test]
fn a_join_that_cannot_be_says_why_and_leaves_nothing() {
    let wifi = SimWifi::new(&[spec(b"home,secret12")]);
    let other = Some([0; 6]);
    for (request, error) in [
        (request(b"elsewhere", b""), JoinError::NotFound),
        (request(b"", b""), JoinError::NotFound),
        (request(b"IOT", b""), JoinError::NotFound),
        (request(b"home", b""), JoinError::WrongPassword),
        (request(b"home", b"Password"), JoinError::WrongPassword),
        (request(b"home", b"secret "), JoinError::WrongPassword),
        (
            Join {
                secure_only: true,
                ..request(b"iot", b"")
            },
            JoinError::NotFound,
        ),
        (
            Join {
                bssid: other,
                ..request(b"iot", b"")
            },
            JoinError::NotFound,
        ),
    ] {
        join(&wifi, self::request(b"iot", b"")).0.unwrap();
        let (result, reported) = join(&wifi, request);
        assert_eq!(result, Err(error), "{request:?}");
        assert!(reported.is_empty());
        assert_eq!(wifi.association(), None);
        assert_eq!(wifi.address(), None);
    }
    let secure = Join {
        secure_only: true,
        ..request(b"home", b"secret12")
    };
    assert_eq!(join(&wifi, secure).0, Ok(()));
}

#[test]
fn of_several_with_one_name_the_strongest_is_joined_unless_the_bssid_says_another() {
    let wifi = SimWifi::new(&[spec(b"iot"), spec(b"iot")]);
    let mut found = Vec::new();
    block_on(wifi.scan(|ap| found.push(ap.clone())));
    assert_eq!(
        found.len(),
        2,
        "a given iot stands in place of the default one"
    );
    assert!(found[0].rssi > found[1].rssi);
    assert_ne!(found[0].bssid, found[1].bssid);

    join(&wifi, request(b"iot", b"")).0.unwrap();
    assert_eq!(wifi.association().as_ref(), found.first());
    let second = Join {
        bssid: Some(found[1].bssid),
        ..request(b"iot", b"")
    };
    join(&wifi, second).0.unwrap();
    assert_eq!(wifi.association().as_ref(), found.get(1));
}

#[test]
fn a_scan_lists_what_is_there_with_plausible_numbers() {
    let specs: Vec<_> = (0..300)
        .map(|n| spec(format!("ap{n},password").as_bytes()))
        .collect();
    let wifi = SimWifi::new(&specs);
    wifi.control().vanish(b"ap7").unwrap();
    let mut found = Vec::new();
    block_on(wifi.scan(|ap| found.push(ap.clone())));
    assert_eq!(found.len(), 300);
    assert_eq!(found[0].ssid, *b"iot");
    for ap in &found {
        assert_ne!(ap.ssid, *b"ap7");
        assert!((1..=14).contains(&ap.channel));
        assert!((-90..=-40).contains(&ap.rssi));
    }
    let mut addresses: Vec<_> = found.iter().map(|ap| ap.bssid).collect();
    addresses.push(wifi.mac());
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), 301);
}

#[test]
fn a_lost_network_is_reported_and_joined_again_when_it_is_back() {
    let wifi = SimWifi::new(&[]);
    let control = wifi.control();
    assert!(wifi.lease().is_none());
    join(&wifi, request(b"iot", b"")).0.unwrap();
    let lease = wifi.lease().unwrap();

    assert_eq!(control.vanish(b"elsewhere"), Err(ControlError::NoSuchAp));
    assert_eq!(block_on(poll_once(wifi.event())), None);
    assert_eq!(block_on(poll_once(lease.lost())), None);

    control.vanish(b"iot").unwrap();
    assert_eq!(block_on(poll_once(lease.lost())), Some(()));
    assert!(wifi.lease().is_none());
    assert_eq!(wifi.association(), None);
    assert_eq!(block_on(wifi.event()), WifiEvent::Disconnected);
    assert_eq!(block_on(poll_once(wifi.event())), None);

    control.appear(b"iot").unwrap();
    assert_eq!(block_on(wifi.event()), WifiEvent::Connected);
    assert_eq!(block_on(wifi.event()), WifiEvent::GotIp);
    assert_eq!(block_on(poll_once(wifi.event())), None);
    assert!(wifi.lease().is_some_and(|lease| lease.holds()));
    assert!(!lease.holds(), "what was opened before the loss stays lost");
}

#[test]
fn leaving_ends_the_wish_to_come_back() {
    let wifi = SimWifi::new(&[]);
    join(&wifi, request(b"iot", b"")).0.unwrap();
    let lease = wifi.lease().unwrap();
    wifi.control().vanish(b"iot").unwrap();
    block_on(wifi.leave());
    wifi.control().appear(b"iot").unwrap();
    assert_eq!(block_on(poll_once(wifi.event())), None);
    assert_eq!(wifi.association(), None);
    assert!(!lease.holds());
}

#[test]
fn an_access_point_that_vanishes_during_the_join_fails_it_without_an_event() {
    let wifi = SimWifi::new(&[]);
    let control = wifi.control();
    let result = block_on(wifi.join(request(b"iot", b""), async |event| {
        assert_eq!(event, WifiEvent::Connected);
        control.vanish(b"iot").unwrap();
    }));
    assert_eq!(result, Err(JoinError::Failed));
    assert_eq!(block_on(poll_once(wifi.event())), None);
    control.appear(b"iot").unwrap();
    assert_eq!(block_on(poll_once(wifi.event())), None);
    assert_eq!(wifi.association(), None);
}

#[test]
fn a_waiting_task_is_woken_by_the_change() {
    let wifi = SimWifi::new(&[]);
    join(&wifi, request(b"iot", b"")).0.unwrap();
    let lease = wifi.lease().unwrap();
    block_on(async {
        let waits = async {
            lease.lost().await;
            wifi.event().await
        };
        let vanishes = async {
            yield_now().await;
            wifi.control().vanish(b"iot").unwrap();
        };
        let (event, ()) = futures_lite::future::zip(waits, vanishes).await;
        assert_eq!(event, WifiEvent::Disconnected);
    });
}

#[test]
fn a_join_dropped_at_any_await_leaves_a_station_that_joins_again() {
    for polls in 0..4 {
        let wifi = SimWifi::new(&[]);
        block_on(async {
            let mut joining = Box::pin(wifi.join(request(b"iot", b""), async |_| ()));
            for _ in 0..polls {
                if poll_once(&mut joining).await.is_some() {
                    break;
                }
            }
        });
        assert_eq!(
            join(&wifi, request(b"iot", b"")).0,
            Ok(()),
            "dropped after {polls} polls"
        );
    }
}

/// `AT+CWSAP` with room for `max_stations`.
async fn start_own(wifi: &SimWifi, max_stations: u8) {
    let address = Ipv4Addr::new(192, 168, 4, 1);
    let config = SoftAp {
        ssid: b"own",
        password: Password(b""),
        channel: 5,
        encryption: Encryption::Open,
        max_stations,
        hidden: false,
        leases: None,
        address: Ipv4Config {
            address,
            gateway: address,
            netmask: Ipv4Addr::new(255, 255, 255, 0),
        },
    };
    wifi.set_soft_ap(Some(config)).await.unwrap();
}

#[test]
fn stations_come_to_our_own_access_point_while_there_is_room() {
    let wifi = SimWifi::new(&[]);
    let control = wifi.control();
    let station = |last: u8| ([2, 0, 0, 0, 0, last], Ipv4Addr::new(192, 168, 4, last));
    let add = |last| {
        let (mac, address) = station(last);
        control.add_station(mac, address)
    };
    block_on(async {
        assert_eq!(add(2), Err(ControlError::NoRoom));
        start_own(&wifi, 2).await;
        add(2).unwrap();
        assert_eq!(add(2), Err(ControlError::Exists));
        let elsewhere = Ipv4Addr::new(192, 168, 5, 3);
        assert_eq!(
            control.add_station([2; 6], elsewhere),
            Err(ControlError::Elsewhere)
        );
        add(3).unwrap();
        assert_eq!(add(4), Err(ControlError::NoRoom));
        let mut there = Vec::new();
        wifi.stations(|mac, address| there.push((mac, address)));
        assert_eq!(there, [station(2), station(3)]);

        wifi.deauthenticate(Some(station(2).0)).await;
        control.remove_station(station(3).0).unwrap();
        assert_eq!(
            control.remove_station(station(3).0),
            Err(ControlError::NoSuchStation)
        );
        let mut reported = Vec::new();
        while let Some(event) = poll_once(wifi.event()).await {
            reported.push(event);
        }
        let came = |last| {
            let (mac, address) = station(last);
            [
                WifiEvent::StationJoined { mac },
                WifiEvent::StationAddressed { mac, address },
            ]
        };
        let left = |last| WifiEvent::StationLeft {
            mac: station(last).0,
        };
        let all = [&came(2)[..], &came(3), &[left(2), left(3)]].concat();
        assert_eq!(reported, all);
    });
}

#[test]
fn without_power_nothing_is_joined_and_nothing_is_reported() {
    let wifi = SimWifi::new(&[]);
    block_on(async {
        start_own(&wifi, 2).await;
        wifi.control()
            .add_station([2; 6], Ipv4Addr::new(192, 168, 4, 2))
            .unwrap();
        wifi.set_mac(false, [6; 6]).await.unwrap();
        wifi.lose_power();
        assert!(poll_once(wifi.event()).await.is_none());
        assert!(wifi.lease_anywhere().is_none());
        assert_eq!(wifi.mac(), MAC);
        let status = wifi.control().status();
        assert!(
            status.starts_with("station=idle") && status.contains("stations=0"),
            "{status}"
        );
    });
}
