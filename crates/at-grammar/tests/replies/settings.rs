//! Lines about the module, the radio and what is kept in flash.

use at_grammar::Suffix;
use at_grammar::commands::mfg::{MfgHead, MfgLine};
use at_grammar::commands::module::{FilterLine, MemoryLine, PowerLine, Temperature, TextLine};
use at_grammar::commands::rollback::{RollbackLine, SlotFields};
use at_grammar::commands::softap::{AssociatedStation, LeasePool, SoftAp};
use at_grammar::commands::station::{Country, HostnameLine, ReconnectLine, WifiConfigLine};

use super::*;

fn name(name: &str) -> MfgName<'_> {
    MfgName::new(name).unwrap()
}

fn soft_ap() -> SoftAp<'static> {
    SoftAp {
        ssid: Ssid::new("ESP,32").unwrap(),
        password: Password::new("12\",\"5678").unwrap(),
        channel: Bounded::new(5).unwrap(),
        security: SoftApSecurity::Wpa2Psk,
        max_stations: Bounded::new(4).unwrap(),
        hidden: true,
    }
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
pub(crate) fn lines() -> Vec<(Info<'static>, &'static str)> {
    vec![
        (Info::Sleep(SleepMode::Light), "+SLEEP:2\r\n"),
        (
            Info::Sysram(MemoryLine::Heap {
                free: 148_408,
                least: 84_044,
            }),
            "+SYSRAM:148408,84044\r\n",
        ),
        (
            Info::Sysram(MemoryLine::Kind {
                largest: 110_592,
                free: 148_408,
                least: 84_044,
                total: 307_200,
            }),
            "+SYSRAM:110592,148408,84044,307200\r\n",
        ),
        (
            Info::Sysrollback(RollbackLine {
                running: SlotFields {
                    address: 0x6_0000,
                    version: "0.1.0".into(),
                    state: "good".into(),
                },
                other: SlotFields {
                    address: 0x23_0000,
                    version: "".into(),
                    state: "empty".into(),
                },
            }),
            "+SYSROLLBACK:0x60000,\"0.1.0\",0x230000,\"\",\"good\",\"empty\"\r\n",
        ),
        (
            Info::Sysmfg(MfgLine::Namespace(name("factory_param"))),
            "+SYSMFG:\"factory_param\"\r\n",
        ),
        (
            Info::Sysmfg(MfgLine::Key {
                namespace: name("client_cert"),
                key: name("client_cert.0"),
                kind: MfgType::Binary,
            }),
            "+SYSMFG:\"client_cert\",\"client_cert.0\",8\r\n",
        ),
        (
            Info::Rfpower(PowerLine {
                wifi: 34,
                ble: None,
            }),
            "+RFPOWER:34\r\n",
        ),
        (
            Info::Rfpower(PowerLine {
                wifi: 78,
                ble: Some([7, 6, 5]),
            }),
            "+RFPOWER:78,7,6,5\r\n",
        ),
        (Info::Sysmsgfilter(true), "+SYSMSGFILTER:1\r\n"),
        (
            Info::Sysmsgfiltercfg(FilterLine {
                index: 0,
                head: AtStr::from("^+HTTPCGET:[0-9]*,"),
                tail: AtStr::from("\\d\",$"),
            }),
            "+SYSMSGFILTERCFG:0,\"^+HTTPCGET:[0-9]*,\",\"\\d\",$\"\r\n",
        ),
        (Info::Systemp(Temperature(2159)), "+SYSTEMP:21.59\r\n"),
        (Info::Systemp(Temperature(-5)), "+SYSTEMP:-0.05\r\n"),
        (Info::Systemp(Temperature(i16::MIN)), "+SYSTEMP:-327.68\r\n"),
        (Info::Userram(4096), "+USERRAM:4096\r\n"),
        (
            Info::Userdocs(TextLine(AtStr::from("https://example.com/"))),
            "+USERDOCS:\"https://example.com/\"\r\n",
        ),
        (Info::Cwinit(false), "+CWINIT:0\r\n"),
        (
            Info::Cwreconncfg(ReconnectLine {
                interval: Bounded::new(1).unwrap(),
                count: Bounded::MAX,
            }),
            "+CWRECONNCFG:1,1000\r\n",
        ),
        (
            Info::Cwsap(soft_ap()),
            "+CWSAP:\"ESP,32\",\"12\",\"5678\",5,3,4,1\r\n",
        ),
        (
            Info::Cwlif(AssociatedStation {
                ip: Ipv4Addr::new(192, 168, 4, 2),
                mac: BSSID,
            }),
            "+CWLIF:192.168.4.2,ca:d7:19:d8:a6:44\r\n",
        ),
        (Info::Cwdhcp(DhcpInterfaces::BOTH), "+CWDHCP:3\r\n"),
        (
            Info::Cwdhcps(LeasePool {
                lease: Bounded::new(3).unwrap(),
                start: Ipv4Addr::new(192, 168, 4, 10),
                end: Ipv4Addr::new(192, 168, 4, 15),
            }),
            "+CWDHCPS:3,\"192.168.4.10\",\"192.168.4.15\"\r\n",
        ),
        (Info::Cwstaproto(WifiProtocol::Bgn), "+CWSTAPROTO:7\r\n"),
        (Info::Cwapproto(WifiProtocol::B), "+CWAPPROTO:1\r\n"),
        (
            Info::Cwhostname(HostnameLine(StationName::new("ESP,32\"").unwrap())),
            "+CWHOSTNAME:ESP,32\"\r\n",
        ),
        (
            Info::Cwcountry(Country {
                policy: CountryPolicy::Fixed,
                code: CountryCode::new("CN").unwrap(),
                start: Bounded::new(1).unwrap(),
                count: Bounded::new(13).unwrap(),
            }),
            "+CWCOUNTRY:1,\"CN\",1,13\r\n",
        ),
        (
            Info::Cwconfig(WifiConfigLine::DEFAULT),
            "+CWCONFIG:300,6,3\r\n",
        ),
        (
            Info::Cipstamac(BSSID),
            "+CIPSTAMAC:\"ca:d7:19:d8:a6:44\"\r\n",
        ),
        (Info::Cipapmac(BSSID), "+CIPAPMAC:\"ca:d7:19:d8:a6:44\"\r\n"),
        (
            Info::Cipap(StationAddress::Ip(Ipv4Addr::new(192, 168, 4, 1))),
            "+CIPAP:ip:\"192.168.4.1\"\r\n",
        ),
        (
            Info::Cipfwver(TextLine(AtStr::from("v2.4.2.0"))),
            "+CIPFWVER:\"v2.4.2.0\"\r\n",
        ),
        (Info::Uart(messages::uart()), "+UART:115200,8,1,0,3\r\n"),
    ]
}

/// Messages that are no information lines, and answers of firmware 1.x.
pub(crate) fn others() -> Vec<(Reply<'static>, &'static str)> {
    let ip = Ipv4Addr::new(192, 168, 4, 2);
    vec![
        (Reply::WriteOk, "\r\nWRITE OK\r\n"),
        (Reply::SleepFor(1500), "1500\r\n"),
        (Reply::SleepFor(0), "0\r\n"),
        (Reply::WillRestart, "Will force to restart!!!\r\n"),
        (Reply::HaveConnections(5), "Have 5 Connections\r\n"),
        (
            Reply::StationJoined(BSSID),
            "+STA_CONNECTED:\"ca:d7:19:d8:a6:44\"\r\n",
        ),
        (
            Reply::StationGotIp(BSSID, ip),
            "+DIST_STA_IP:\"ca:d7:19:d8:a6:44\",\"192.168.4.2\"\r\n",
        ),
        (
            Reply::StationLeft(BSSID),
            "+STA_DISCONNECTED:\"ca:d7:19:d8:a6:44\"\r\n",
        ),
        (
            Reply::LegacyInfo(Suffix::Current, Info::Cwmode(WifiMode::Station)),
            "+CWMODE_CUR:1\r\n",
        ),
        (
            Reply::LegacyInfo(
                Suffix::Default,
                Info::Cwjap(JoinLine::Failed(JoinFailure::WrongPassword)),
            ),
            "+CWJAP_DEF:2\r\n",
        ),
        (
            Reply::LegacyInfo(Suffix::Current, Info::Cipsta(StationAddress::Ip(ip))),
            "+CIPSTA_CUR:ip:\"192.168.4.2\"\r\n",
        ),
        (
            Reply::LegacyInfo(Suffix::Default, Info::Cwsap(soft_ap())),
            "+CWSAP_DEF:\"ESP,32\",\"12\",\"5678\",5,3,4,1\r\n",
        ),
    ]
}

#[test]
fn a_suffix_is_not_put_where_firmware_1_had_none() {
    let syslog = Reply::LegacyInfo(Suffix::Current, Info::Syslog(true));
    assert_eq!(bytes(&syslog), b"+SYSLOG:1\r\n");
    let read = read_all(b"+SYSLOG_CUR:1\r\n", &[], false);
    assert_eq!(read, [owned(&Event::Line(b"+SYSLOG_CUR:1"))]);
}

#[test]
fn stations_are_read_however_they_are_printed() {
    let ip = Ipv4Addr::new(192, 168, 4, 2);
    for (text, reply) in [
        (
            "+STA_CONNECTED: ca:d7:19:d8:a6:44\r\n",
            Reply::StationJoined(BSSID),
        ),
        (
            "+DIST_STA_IP:ca:d7:19:d8:a6:44,192.168.4.2\r\n",
            Reply::StationGotIp(BSSID, ip),
        ),
        (
            "+STA_DISCONNECTED:ca:d7:19:d8:a6:44\r\n",
            Reply::StationLeft(BSSID),
        ),
    ] {
        let expected = [owned(&Event::Reply(reply))];
        assert_eq!(read_all(text.as_bytes(), &[], false), expected, "{text}");
    }
    for broken in [
        "+STA_CONNECTED:\"ca:d7\r\n",
        "+DIST_STA_IP:\"ca:d7:19:d8:a6:44\"\r\n",
    ] {
        let read = read_all(broken.as_bytes(), &[], false);
        let line = broken.trim_end().as_bytes();
        assert_eq!(read, [owned(&Event::Line(line))], "{broken}");
    }
}

#[test]
fn values_and_memory_are_counted_wherever_the_stream_is_cut() {
    let head = MfgHead {
        namespace: name("client_ca"),
        key: name("client_ca.0"),
        kind: MfgType::Binary,
        len: 6,
    };
    assert_eq!(
        bytes(&Reply::MfgValue(head)),
        b"+SYSMFG:\"client_ca\",\"client_ca.0\",8,6,"
    );
    assert_eq!(Reply::MfgValue(head).raw_len(), 6);
    assert_eq!(bytes(&Reply::RamData { len: 4 }), b"+USERRAM:4,");

    let stream = b"+SYSMFG:\"client_ca\",\"client_ca.0\",8,6,\r\nOK\r\n\r\n\r\nOK\r\n\
        +USERRAM:4,>\r\n++USERRAM:2,OK\r\nOK\r\n+SYSMFG:\"client_ca\"\r\n\r\nOK\r\n";
    let expected = [
        Event::Reply(Reply::MfgValue(head)),
        Event::Data(b"\r\nOK\r\n"),
        Event::Reply(Reply::Ok),
        Event::Reply(Reply::RamData { len: 4 }),
        Event::Data(b">\r\n+"),
        Event::Reply(Reply::RamData { len: 2 }),
        Event::Data(b"OK"),
        Event::Reply(Reply::Ok),
        Event::Reply(Reply::Info(Info::Sysmfg(MfgLine::Namespace(name(
            "client_ca",
        ))))),
        Event::Reply(Reply::Ok),
    ]
    .map(|event| owned(&event));
    assert_eq!(stream::read_anyhow(stream, false), expected);
}

#[test]
fn temperatures_have_two_decimals() {
    for broken in [
        "+SYSTEMP:21\r\n",
        "+SYSTEMP:21.5\r\n",
        "+SYSTEMP:.50\r\n",
        "+SYSTEMP:400.00\r\n",
    ] {
        let line = broken.trim_end().as_bytes();
        let read = read_all(broken.as_bytes(), &[], false);
        assert_eq!(read, [owned(&Event::Line(line))], "{broken}");
    }
}
