//! Settings of the station and of our own access point, and mDNS.

use at_grammar::commands::mdns::MdnsCommand;
use at_grammar::commands::station::StationCommand;
use core::net::Ipv4Addr;

use at_grammar::commands::mdns::{MdnsRequest, Service, ServiceProtocol, TxtRecord};
use at_grammar::commands::softap::{LeasePool, LeaseTime, MaxStations, SetLeasePool, SoftAp};
use at_grammar::commands::station::{
    Channel, Country, ReconnectCount, RssiFilter, ScanOptions, SetDhcp, SetReconnect,
    SetWifiConfig, StaticAddress,
};
use at_grammar::commands::wifi::{ReconnectInterval, ScanColumns};

use super::*;

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn the_station() {
    use crate::forms::*;
    let reconnect = |interval, count, now| {
        Ok(Command::Station(CwreconncfgSet(SetReconnect {
            interval: ReconnectInterval::new(interval).unwrap(),
            count: ReconnectCount::new(count).unwrap(),
            now,
        })))
    };
    let dhcp = |enable, bits| {
        Ok(Command::Station(CwdhcpSet(SetDhcp {
            enable,
            interfaces: DhcpInterfaces::new(bits).unwrap(),
        })))
    };
    let config = |ap, station, listen| {
        Ok(Command::Station(CwconfigSet(SetWifiConfig {
            ap_inactive: Bounded::new(ap),
            station_inactive: Bounded::new(station),
            listen: Bounded::new(listen),
        })))
    };
    check(&[
        (ONE, "AT+CWINIT?", Ok(Command::Wifi(CwinitQuery))),
        (ONE, "AT+CWINIT=0", Ok(Command::Wifi(CwinitSet(false)))),
        (ONE, "AT+CWINIT=2", Err(0x0107_0000)),
        (
            ONE,
            "AT+CWRECONNCFG?",
            Ok(Command::Station(CwreconncfgQuery)),
        ),
        (ONE, "AT+CWRECONNCFG=0,0", reconnect(0, 0, false)),
        (
            ONE,
            "AT+CWRECONNCFG=7200,1000",
            reconnect(7200, 1000, false),
        ),
        (ONE, "AT+CWRECONNCFG=1,0,1", reconnect(1, 0, true)),
        (ONE, "AT+CWRECONNCFG=0,5", reconnect(0, 5, false)),
        (ONE, "AT+CWRECONNCFG=7201,0", Err(0x0107_0000)),
        (ONE, "AT+CWRECONNCFG=1,1001", Err(0x0107_0001)),
        (ONE, "AT+CWRECONNCFG=1", Err(0x0106_0201)),
        (ONE, "AT+CWRECONNCFG=1,", Err(0x0108_0001)),
        (ONE, "AT+CWDHCP?", Ok(Command::Station(CwdhcpQuery))),
        (ONE, "AT+CWDHCP=1,1", dhcp(true, 1)),
        (ONE, "AT+CWDHCP=0,2", dhcp(false, 2)),
        (ONE, "AT+CWDHCP=1,7", dhcp(true, 7)),
        (ONE, "AT+CWDHCP=2,1", Err(0x0107_0000)),
        (ONE, "AT+CWDHCP=1,8", Err(0x0107_0001)),
        (ONE, "AT+CWDHCP=1", Err(0x0106_0201)),
        (ONE, "AT+CWSTAPROTO?", Ok(Command::Station(CwstaprotoQuery))),
        (
            ONE,
            "AT+CWSTAPROTO=1",
            Ok(Command::Station(CwstaprotoSet(WifiProtocol::B))),
        ),
        (
            ONE,
            "AT+CWSTAPROTO=7",
            Ok(Command::Station(CwstaprotoSet(WifiProtocol::Bgn))),
        ),
        (ONE, "AT+CWSTAPROTO=2", Err(0x0107_0000)),
        (ONE, "AT+CWSTAPROTO=8", Err(0x0107_0000)),
        (ONE, "AT+CWAPPROTO?", Ok(Command::Station(CwapprotoQuery))),
        (
            ONE,
            "AT+CWAPPROTO=3",
            Ok(Command::Station(CwapprotoSet(WifiProtocol::Bg))),
        ),
        (ONE, "AT+CWHOSTNAME?", Ok(Command::Station(CwhostnameQuery))),
        (
            ONE,
            "AT+CWHOSTNAME=\"my_test\"",
            Ok(Command::Station(CwhostnameSet(
                StationName::new("my_test").unwrap(),
            ))),
        ),
        (ONE, "AT+CWHOSTNAME=\"\"", Err(0x0107_0000)),
        (
            ONE,
            "AT+CWHOSTNAME=\"012345678901234567890123456789012\"",
            Err(0x0104_0000),
        ),
        (ONE, "AT+CWCONFIG?", Ok(Command::Station(CwconfigQuery))),
        (ONE, "AT+CWCONFIG=10,3,1", config(10, 3, 1)),
        (ONE, "AT+CWCONFIG=3600,600,100", config(3600, 600, 100)),
        (ONE, "AT+CWCONFIG=,6", config(0, 6, 0)),
        (ONE, "AT+CWCONFIG=,,", config(0, 0, 0)),
        (ONE, "AT+CWCONFIG=9", Err(0x0107_0000)),
        (ONE, "AT+CWCONFIG=3601", Err(0x0107_0000)),
        (ONE, "AT+CWCONFIG=,2", Err(0x0107_0001)),
        (ONE, "AT+CWCONFIG=,601", Err(0x0107_0001)),
        (ONE, "AT+CWCONFIG=,,0", Err(0x0107_0002)),
        (ONE, "AT+CWCONFIG=,,101", Err(0x0107_0002)),
        (ONE, "AT+CWCONFIG=,,,", Err(0x0106_0304)),
    ]);
}

#[test]
fn how_a_scan_answers() {
    let options = |sort, columns, rssi, encryptions| {
        Ok(Command::Station(StationCommand::CwlapoptSet(ScanOptions {
            sort,
            columns: ScanColumns::new(columns).unwrap(),
            rssi: RssiFilter::new(rssi).unwrap(),
            encryptions,
        })))
    };
    check(&[
        (ONE, "AT+CWLAPOPT=1,2047", options(true, 2047, -100, 0xffff)),
        (ONE, "AT+CWLAPOPT=,31", options(false, 31, -100, 0xffff)),
        (ONE, "AT+CWLAPOPT=0,0,40,0", options(false, 0, 40, 0)),
        (
            ONE,
            "AT+CWLAPOPT=1,0x7ff,-100,65535",
            options(true, 2047, -100, 0xffff),
        ),
        (ONE, "AT+CWLAPOPT=2,31", Err(0x0107_0000)),
        (ONE, "AT+CWLAPOPT=1,2048", Err(0x0107_0001)),
        (ONE, "AT+CWLAPOPT=1,31,-101", Err(0x0107_0002)),
        (ONE, "AT+CWLAPOPT=1,31,41", Err(0x0107_0002)),
        (ONE, "AT+CWLAPOPT=1,31,,65536", Err(0x0107_0003)),
        (ONE, "AT+CWLAPOPT=1", Err(0x0106_0201)),
        (ONE, "AT+CWLAPOPT=1,", Err(0x0108_0001)),
        (ONE, "AT+CWLAPOPT?", Err(0x010c_0000)),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn our_own_access_point() {
    use crate::forms::*;
    let ap = |password, security| SoftAp {
        ssid: Ssid::new("ESP32").unwrap(),
        password: Password::new(password).unwrap(),
        channel: Channel::new(5).unwrap(),
        security,
        max_stations: MaxStations::MAX,
        hidden: false,
    };
    let wpa2 = ap("1234567890", SoftApSecurity::Wpa2Psk);
    let pool = |lease, start, end| {
        Ok(Command::SoftAp(CwdhcpsSet(SetLeasePool::Manual(
            LeasePool {
                lease: LeaseTime::new(lease).unwrap(),
                start: Ipv4Addr::new(192, 168, 4, start),
                end: Ipv4Addr::new(192, 168, 4, end),
            },
        ))))
    };
    let longest = format!("AT+CWSAP=\"a\",\"{}\",5,3", "p".repeat(64));
    let too_long = format!("AT+CWSAP=\"a\",\"{}\",5,3", "p".repeat(65));
    assert!(parse_line(longest.as_bytes(), ONE).is_ok());
    check(&[
        (ONE, "AT+CWSAP?", Ok(Command::SoftAp(CwsapQuery))),
        (
            ONE,
            "AT+CWSAP=\"ESP32\",\"1234567890\",5,3",
            Ok(Command::SoftAp(CwsapSet(wpa2))),
        ),
        (
            ONE,
            "AT+CWSAP=\"ESP32\",\"1234567890\",5,3,1,1",
            Ok(Command::SoftAp(CwsapSet(SoftAp {
                max_stations: MaxStations::MIN,
                hidden: true,
                ..wpa2
            }))),
        ),
        (
            ONE,
            "AT+CWSAP=\"ESP32\",\"\",5,0",
            Ok(Command::SoftAp(CwsapSet(ap("", SoftApSecurity::Open)))),
        ),
        (
            ONE,
            "AT+CWSAP=\"ESP32\",\"12345678\",5,4",
            Ok(Command::SoftAp(CwsapSet(ap(
                "12345678",
                SoftApSecurity::WpaWpa2Psk,
            )))),
        ),
        (ONE, "AT+CWSAP=\"\",\"12345678\",5,3", Err(0x0107_0000)),
        (ONE, "AT+CWSAP=\"a\",\"1234567\",5,3", Err(0x0107_0001)),
        (ONE, "AT+CWSAP=\"a\",\"\",5,3", Err(0x0107_0001)),
        (ONE, &too_long, Err(0x0104_0001)),
        (ONE, "AT+CWSAP=\"a\",\"12345678\",0,3", Err(0x0107_0002)),
        (ONE, "AT+CWSAP=\"a\",\"12345678\",15,3", Err(0x0107_0002)),
        (ONE, "AT+CWSAP=\"a\",\"12345678\",5,1", Err(0x0107_0003)),
        (ONE, "AT+CWSAP=\"a\",\"12345678\",5,5", Err(0x0107_0003)),
        (ONE, "AT+CWSAP=\"a\",\"12345678\",5,3,0", Err(0x0107_0004)),
        (ONE, "AT+CWSAP=\"a\",\"12345678\",5,3,11", Err(0x0107_0004)),
        (ONE, "AT+CWSAP=\"a\",\"12345678\",5,3,1,2", Err(0x0107_0005)),
        (ONE, "AT+CWSAP=\"a\",\"12345678\",5", Err(0x0106_0403)),
        (ONE, "AT+CWLIF", Ok(Command::SoftAp(Cwlif))),
        (ONE, "AT+CWLIF?", Err(0x010c_0000)),
        (ONE, "AT+CWQIF", Ok(Command::SoftAp(Cwqif))),
        (
            ONE,
            "AT+CWQIF=\"aa:bb:cc:dd:ee:ff\"",
            Ok(Command::SoftAp(CwqifSet(Mac([
                0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
            ])))),
        ),
        (ONE, "AT+CWQIF=\"aa:bb\"", Err(0x0107_0000)),
        (ONE, "AT+CWDHCPS?", Ok(Command::SoftAp(CwdhcpsQuery))),
        (
            ONE,
            "AT+CWDHCPS=0",
            Ok(Command::SoftAp(CwdhcpsSet(SetLeasePool::Automatic))),
        ),
        (
            ONE,
            "AT+CWDHCPS=1,3,\"192.168.4.10\",\"192.168.4.15\"",
            pool(3, 10, 15),
        ),
        (
            ONE,
            "AT+CWDHCPS=1,2880,\"192.168.4.10\",\"192.168.4.10\"",
            pool(2880, 10, 10),
        ),
        (
            ONE,
            "AT+CWDHCPS=1,0,\"192.168.4.10\",\"192.168.4.15\"",
            Err(0x0107_0001),
        ),
        (
            ONE,
            "AT+CWDHCPS=1,2881,\"192.168.4.10\",\"192.168.4.15\"",
            Err(0x0107_0001),
        ),
        (
            ONE,
            "AT+CWDHCPS=1,3,\"192.168.4.15\",\"192.168.4.10\"",
            Err(0x0107_0003),
        ),
        (ONE, "AT+CWDHCPS=1,3", Err(0x0106_0402)),
        (ONE, "AT+CWDHCPS=0,3", Err(0x0106_0102)),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn addresses_of_our_own() {
    use crate::forms::*;
    let own = |mac| OwnMac::new(Mac(mac)).unwrap();
    let ip = Ipv4Addr::new(192, 168, 6, 100);
    let network = Some((
        Ipv4Addr::new(192, 168, 6, 1),
        Ipv4Addr::new(255, 255, 255, 0),
    ));
    let address = |network| StaticAddress { ip, network };
    let fe = own([0x18, 0xfe, 0x35, 0x98, 0xd3, 0x7b]);
    check(&[
        (ONE, "AT+CIPSTAMAC?", Ok(Command::Station(CipstamacQuery))),
        (
            ONE,
            "AT+CIPSTAMAC=\"18:FE:35:98:d3:7b\"",
            Ok(Command::Station(CipstamacSet(fe))),
        ),
        (ONE, "AT+CIPAPMAC?", Ok(Command::Station(CipapmacQuery))),
        (
            ONE,
            "AT+CIPAPMAC=\"18:fe:35:98:d3:7b\"",
            Ok(Command::Station(CipapmacSet(fe))),
        ),
        (ONE, "AT+CIPSTAMAC=\"19:fe:35:98:d3:7b\"", Err(0x0107_0000)),
        (ONE, "AT+CIPSTAMAC=\"00:00:00:00:00:00\"", Err(0x0107_0000)),
        (ONE, "AT+CIPAPMAC=\"ff:ff:ff:ff:ff:ff\"", Err(0x0107_0000)),
        (ONE, "AT+CIPSTAMAC=18", Err(0x0105_0000)),
        (
            ONE,
            "AT+CIPSTA=\"192.168.6.100\"",
            Ok(Command::Wifi(CipstaSet(address(None)))),
        ),
        (
            ONE,
            "AT+CIPSTA=\"192.168.6.100\",\"192.168.6.1\",\"255.255.255.0\"",
            Ok(Command::Wifi(CipstaSet(address(network)))),
        ),
        (ONE, "AT+CIPAP?", Ok(Command::SoftAp(CipapQuery))),
        (
            ONE,
            "AT+CIPAP=\"192.168.6.100\",\"192.168.6.1\",\"255.255.255.0\"",
            Ok(Command::SoftAp(CipapSet(address(network)))),
        ),
        (ONE, "AT+CIPSTA=\"192.168.6\"", Err(0x0107_0000)),
        (ONE, "AT+CIPSTA=\"0.0.0.0\"", Err(0x0107_0000)),
        (ONE, "AT+CIPSTA=\"224.0.0.1\"", Err(0x0107_0000)),
        (ONE, "AT+CIPSTA=\"::1\"", Err(0x0107_0000)),
        (
            ONE,
            "AT+CIPSTA=\"192.168.6.100\",\"192.168.6.1\"",
            Err(0x0106_0302),
        ),
        (
            ONE,
            "AT+CIPSTA=\"192.168.6.100\",\"192.168.6.1\",\"255.0.255.0\"",
            Err(0x0107_0002),
        ),
        (
            ONE,
            "AT+CIPSTA=\"192.168.6.100\",,\"255.255.255.0\"",
            Err(0x0108_0001),
        ),
    ]);
}

#[test]
fn countries() {
    use crate::forms::*;
    let country = |policy, start, count| {
        Ok(Command::Station(CwcountrySet(Country {
            policy,
            code: CountryCode::new("CN").unwrap(),
            start: Channel::new(start).unwrap(),
            count: Channel::new(count).unwrap(),
        })))
    };
    check(&[
        (ONE, "AT+CWCOUNTRY?", Ok(Command::Station(CwcountryQuery))),
        (
            ONE,
            "AT+CWCOUNTRY=1,\"CN\",1,13",
            country(CountryPolicy::Fixed, 1, 13),
        ),
        (
            ONE,
            "AT+CWCOUNTRY=0,\"CN\",14,1",
            country(CountryPolicy::FollowAp, 14, 1),
        ),
        (ONE, "AT+CWCOUNTRY=2,\"CN\",1,13", Err(0x0107_0000)),
        (ONE, "AT+CWCOUNTRY=1,\"\",1,13", Err(0x0107_0001)),
        (ONE, "AT+CWCOUNTRY=1,\"CHIN\",1,13", Err(0x0104_0001)),
        (ONE, "AT+CWCOUNTRY=1,\"CN\",0,13", Err(0x0107_0002)),
        (ONE, "AT+CWCOUNTRY=1,\"CN\",2,14", Err(0x0107_0003)),
        (ONE, "AT+CWCOUNTRY=1,\"CN\",1", Err(0x0106_0403)),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn names_in_the_local_network() {
    let name = |name| MdnsName::new(name).unwrap();
    let service = Service {
        host: name("espressif"),
        service: name("_iot"),
        port: port(8080),
        instance: None,
        protocol: ServiceProtocol::Tcp,
        txt: TxtRecord::EMPTY,
    };
    let on = |service| {
        Ok(Command::Mdns(MdnsCommand::MdnsSet(MdnsRequest::On(
            service,
        ))))
    };
    let pairs = b"\"product\",\"my_printer\",\"firmware_version\",\"AT\\,V3\"";
    let txt = TxtRecord::new(pairs).unwrap();
    assert!(
        txt.pairs()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .eq([
                ("product".to_string(), "my_printer".to_string()),
                ("firmware_version".to_string(), "AT,V3".to_string()),
            ])
    );
    assert!(TxtRecord::new(b"\"odd\"").is_err());
    assert!(TxtRecord::new(b"1,\"x\"").is_err());
    check(&[
        (
            ONE,
            "AT+MDNS=0",
            Ok(Command::Mdns(MdnsCommand::MdnsSet(MdnsRequest::Off))),
        ),
        (ONE, "AT+MDNS=1,\"espressif\",\"_iot\",8080", on(service)),
        (
            ONE,
            "AT+MDNS=1,\"espressif\",\"_iot\",8080,,,0",
            on(service),
        ),
        (
            ONE,
            "AT+MDNS=1,\"espressif\",\"_iot\",8080,\"my_instance\",\"_udp\"",
            on(Service {
                instance: Some(name("my_instance")),
                protocol: ServiceProtocol::Udp,
                ..service
            }),
        ),
        (
            ONE,
            "AT+MDNS=1,\"espressif\",\"_iot\",8080,\"my_instance\",\"_tcp\",2,\"product\",\"my_printer\",\"firmware_version\",\"AT\\,V3\"",
            on(Service {
                instance: Some(name("my_instance")),
                txt,
                ..service
            }),
        ),
        (ONE, "AT+MDNS=2", Err(0x0107_0000)),
        (ONE, "AT+MDNS=0,1", Err(0x0106_0102)),
        (ONE, "AT+MDNS=1,\"a\",\"b\"", Err(0x0106_0403)),
        (ONE, "AT+MDNS=1,\"a\",\"b\",0", Err(0x0107_0003)),
        (ONE, "AT+MDNS=1,\"\",\"b\",1", Err(0x0107_0001)),
        (ONE, "AT+MDNS=1,\"a\",\"b\",1,,\"_sctp\"", Err(0x0107_0005)),
        (ONE, "AT+MDNS=1,\"a\",\"b\",1,,,11", Err(0x0107_0006)),
        (ONE, "AT+MDNS=1,\"a\",\"b\",1,,,1,\"k\"", Err(0x0106_0908)),
        (
            ONE,
            "AT+MDNS=1,\"a\",\"b\",1,,,0,\"k\",\"v\"",
            Err(0x0106_0709),
        ),
        (ONE, "AT+MDNS=1,\"a\",\"b\",1,,,1,\"k\",", Err(0x0108_0008)),
        (ONE, "AT+MDNS=1,\"a\",\"b\",1,,,1,1,\"v\"", Err(0x0105_0007)),
    ]);
}
