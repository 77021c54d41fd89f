//! Claims over all input: nothing panics, and what was written is read back as it was.
#![expect(clippy::unwrap_used, reason = "functions that tests share")]

mod corpus;
mod settings;

use at_grammar::commands::flash::FlashCommand;
use at_grammar::commands::flash::{FlashOperation, FlashRequest};
use at_grammar::commands::network::NetworkCommand;
use at_grammar::commands::sntp::SntpCommand;
use at_grammar::commands::sntp::SntpConfig;
use at_grammar::commands::ssl::SslCommand;
use at_grammar::commands::ssl::{
    AlpnList, SetAlpn, SetCiphers, SetPsk, SetPskHex, SetServerName, SslConfig,
};
use at_grammar::commands::tcpip::TcpipCommand;
use at_grammar::commands::tcpip::{DataInfo, OpenLink, Opening, Resolve, SendData};
use at_grammar::commands::trust::{PkiLine, ProbeLine};
use at_grammar::commands::wifi::WifiCommand;
use at_grammar::commands::wifi::{
    JoinAp, JoinLine, Joined, ScanColumns, ScanLine, ScanRequest, StationLine,
};
use at_grammar::reply::MAX_REPLY_LINE;
use at_grammar::types::*;
use at_grammar::{
    AtStr, Command, Dialect, Event, Info, MAX_LINE, Mux, Progress, Reply, ReplyParser, Row,
    Visibility, WriteError, parse_line, parse_line_as,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use corpus::LINES;

fn written(command: &Command<'_>) -> Result<Vec<u8>, WriteError> {
    let mut out = heapless::Vec::<u8, 2048>::new();
    command.write_line(&mut out)?;
    assert_eq!(out.len(), command.size() + 2);
    Ok(out.strip_suffix(b"\r\n").unwrap().to_vec())
}

/// The line of `command` is `command` again, or is refused for a reason that holds.
fn comes_back(command: &Command<'_>, mux: Mux) {
    match written(command) {
        Ok(line) => assert_eq!(
            parse_line(&line, mux).as_ref(),
            Ok(command),
            "{}",
            line.escape_ascii()
        ),
        Err(WriteError::TooLong { len }) => assert!(len > MAX_LINE && len == command.size()),
        Err(WriteError::LineFeed) => {
            let mut out = heapless::Vec::<u8, 2048>::new();
            command.write_to(&mut out).unwrap();
            assert!(out.contains(&b'\n'));
        }
        Err(error) => assert_eq!(error.to_string(), "", "no other reason exists"),
    }
}

fn mux_of<T>(link: Option<T>) -> Mux {
    if link.is_some() {
        Mux::Multiple
    } else {
        Mux::Single
    }
}

#[test]
fn every_form_of_every_command_is_in_the_corpus_and_comes_back() {
    let mut seen = Vec::new();
    for (mux, line) in LINES {
        let command = parse_line(line.as_bytes(), *mux).unwrap();
        comes_back(&command, *mux);
        let form = match line.strip_prefix(command.name()).unwrap() {
            "" => "",
            "?" => "?",
            _ => "=",
        };
        seen.push((command.name(), form));
    }
    let known = |row: &&Row| row.visibility != Visibility::Legacy;
    for row in Command::TABLE.iter().filter(known) {
        for (has, form) in [
            (row.forms.query, "?"),
            (row.forms.set, "="),
            (row.forms.execute, ""),
        ] {
            assert!(
                !has || seen.contains(&(row.name, form)),
                "{}{form}",
                row.name
            );
        }
    }
}

#[test]
fn every_truncation_of_a_valid_line_is_a_command_or_an_error_with_a_word() {
    for (mux, line) in LINES {
        for len in 0..line.len() {
            match parse_line(&line.as_bytes()[..len], *mux) {
                Ok(command) => comes_back(&command, *mux),
                Err(error) => assert_eq!(error.error_word().raw() >> 24, 1, "{len} of {line}"),
            }
        }
    }
}

#[test]
fn every_changed_byte_of_a_valid_line_is_survived() {
    for (mux, line) in LINES {
        let mut line = line.as_bytes().to_vec();
        for at in 0..line.len() {
            let original = line[at];
            for byte in 0..=u8::MAX {
                line[at] = byte;
                if let Ok(command) = parse_line(&line, *mux) {
                    comes_back(&command, *mux);
                }
            }
            line[at] = original;
        }
    }
}

#[test]
fn case_of_names_does_not_matter() {
    for (mux, line) in LINES {
        let command = parse_line(line.as_bytes(), *mux).unwrap();
        let (name, rest) = line.split_at(command.name().len());
        let lower = format!("{}{rest}", name.to_lowercase());
        assert_eq!(parse_line(lower.as_bytes(), *mux), Ok(command), "{lower}");
    }
}

/// Pieces that parameter lists are made of, good ones and bad ones.
fn piece() -> impl Strategy<Value = &'static str> {
    select(&[
        "0",
        "1",
        "2",
        "3",
        "5",
        "8",
        "80",
        "4096",
        "-1",
        "0x10",
        "",
        "\"TCP\"",
        "\"UDP\"",
        "\"SSLv6\"",
        "\"h2\"",
        "\"\"",
        "\"a\\\"b\"",
        "\"::1\"",
        "\"1.2.3.4\"",
        "\"aa:bb:cc:dd:ee:ff\"",
        "\"",
        "x",
        "\\",
        "99999999999",
    ])
}

fn link_id() -> impl Strategy<Value = LinkId> {
    select(&LinkId::ALL)
}

fn link_target() -> impl Strategy<Value = LinkTarget> {
    prop_oneof![Just(LinkTarget::All), link_id().prop_map(LinkTarget::One)]
}

fn bounded<const MIN: u32, const MAX: u32>() -> impl Strategy<Value = Bounded<MIN, MAX>> {
    (MIN..=MAX).prop_map(|value| Bounded::new(value).unwrap())
}

fn host() -> impl Strategy<Value = Vec<u8>> {
    vec(0x21_u8..=0x7e, 1..=64)
}

fn address() -> impl Strategy<Value = core::net::IpAddr> {
    any::<core::net::IpAddr>()
}

fn port() -> impl Strategy<Value = Port> {
    any::<Port>()
}

fn mac() -> impl Strategy<Value = Mac> {
    any::<[u8; 6]>().prop_map(Mac)
}

/// Bytes of a network name that a line of a reply can carry.
fn shown_name() -> impl Strategy<Value = Vec<u8>> {
    vec(
        any::<u8>().prop_filter("line end", |byte| !matches!(byte, b'\r' | b'\n')),
        0..=32,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_line_panics(line in vec(any::<u8>(), 0..300), multiple: bool) {
        let mux = if multiple { Mux::Multiple } else { Mux::Single };
        if let Ok(command) = parse_line(&line, mux) {
            comes_back(&command, mux);
        }
        let _ = parse_line_as(&line, mux, Dialect::Legacy);
    }

    #[test]
    fn no_parameter_list_panics(
        row in 0..Command::TABLE.len(),
        suffix in select(&["", "", "_CUR", "_DEF"]),
        pieces in vec(piece(), 0..10),
        multiple: bool,
    ) {
        let mux = if multiple { Mux::Multiple } else { Mux::Single };
        let line = format!("{}{suffix}={}", Command::TABLE[row].name, pieces.join(","));
        if let Ok(command) = parse_line(line.as_bytes(), mux) {
            comes_back(&command, mux);
        }
        if let Ok(parsed) = parse_line_as(line.as_bytes(), mux, Dialect::Legacy) {
            // Written with the names of today, and read back the same.
            let again = written(&parsed.command);
            prop_assert!(!matches!(again, Err(WriteError::Full(_))));
        }
    }

    #[test]
    fn joining_comes_back(
        ssid in option::of(vec(any::<u8>(), 0..=32)),
        password in option::of(vec(any::<u8>(), 0..=64)),
        bssid in option::of(mac()),
        threshold in bounded(),
        reconnect in bounded(),
        listen in bounded(),
        scan_mode in select(ScanMode::ALL),
        timeout in bounded(),
        pmf in 0_u8..4,
    ) {
        let command = Command::Wifi(WifiCommand::CwjapSet(JoinAp {
            ssid: ssid.as_deref().map(|name| Ssid::new(name).unwrap()),
            password: password.as_deref().map(|word| Password::new(word).unwrap()),
            bssid,
            threshold,
            reconnect,
            listen,
            scan_mode,
            timeout,
            pmf: Pmf::new(pmf).unwrap(),
        }));
        comes_back(&command, Mux::Single);
    }

    #[test]
    fn scanning_comes_back(
        ssid in option::of(vec(any::<u8>(), 0..=32)),
        bssid in option::of(mac()),
        channel in bounded(),
        scan_type in select(ScanType::ALL),
        time_min in bounded(),
        time_max in bounded(),
    ) {
        let ssid = ssid.as_deref().map(|name| Ssid::new(name).unwrap());
        let command = Command::Wifi(WifiCommand::CwlapSet(ScanRequest { ssid, bssid, channel, scan_type, time_min, time_max }));
        comes_back(&command, Mux::Single);
    }

    #[test]
    fn opening_comes_back(
        link in option::of(link_id()),
        v6: bool,
        kind in 0..3,
        name in host(),
        number in port(),
        keep_alive in option::of(bounded()),
        local_port in option::of(port()),
        mode in select(UdpMode::ALL),
        local_ip in option::of(address()),
        timeout in option::of(bounded()),
    ) {
        let opening = match kind {
            0 => Opening::Tcp { keep_alive },
            1 => Opening::Ssl { keep_alive },
            _ => Opening::Udp { local_port, mode: if local_port.is_some() { mode } else { UdpMode::Fixed } },
        };
        let command = Command::Tcpip(TcpipCommand::CipstartSet(OpenLink {
            link,
            family: if v6 { Family::V6 } else { Family::V4 },
            opening,
            host: HostName::new(&name[..]).unwrap(),
            port: number,
            local_ip,
            timeout,
        }));
        comes_back(&command, mux_of(link));
    }

    #[test]
    fn sending_and_resolving_come_back(
        link in option::of(link_id()),
        length in bounded(),
        name in host(),
        number in port(),
        with_remote: bool,
        preference in select(IpPreference::ALL),
        timeout in bounded(),
        show_all: bool,
    ) {
        let host = HostName::new(&name[..]).unwrap();
        let remote = with_remote.then_some((host, number));
        comes_back(&Command::Tcpip(TcpipCommand::CipsendSet(SendData { link, length, remote })), mux_of(link));
        comes_back(&Command::Network(NetworkCommand::CipdomainSet(Resolve { host, preference, timeout, show_all })), Mux::Single);
    }

    #[test]
    fn tls_settings_come_back(
        link in option::of(link_target()),
        auth in select(AuthMode::ALL),
        pki: u8,
        ca: u8,
        name in vec(0x21_u8..=0x7e, 0..=64),
        protocols in vec(vec(any::<u8>(), 1..=60), 0..=5),
    ) {
        let mux = mux_of(link);
        comes_back(&Command::Ssl(SslCommand::CipsslcconfSet(SslConfig { link, auth, pki, ca })), mux);
        let set = SetServerName { link, name: ServerName::new(&name[..]).unwrap() };
        comes_back(&Command::Ssl(SslCommand::CipsslccnSet(set)), mux);
        comes_back(&Command::Ssl(SslCommand::CipsslcsniSet(set)), mux);
        let protocols = AlpnList::new(protocols.iter().map(|name| AlpnName::new(&name[..]).unwrap())).unwrap();
        comes_back(&Command::Ssl(SslCommand::CipsslcalpnSet(SetAlpn { link, protocols })), mux);
    }

    #[test]
    fn keys_and_suites_come_back(
        link in option::of(link_target()),
        key in vec(any::<u8>(), 0..=32),
        identity in vec(any::<u8>(), 1..=32),
        suites in vec(any::<u16>(), 0..=32),
    ) {
        let mux = mux_of(link);
        let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let hex = PskHex::new(&digits[..]).unwrap();
        prop_assert!(hex.bytes().eq(key.iter().copied()));
        let identity = PskIdentity::new(&identity[..]).unwrap();
        comes_back(&Command::Ssl(SslCommand::CipsslcpskhexSet(SetPskHex { link, key: hex, identity })), mux);
        let key = PskKey::new(&key[..]).unwrap();
        comes_back(&Command::Ssl(SslCommand::CipsslcpskSet(SetPsk { link, key, identity })), mux);
        let suites = SetCiphers::new(link, suites).unwrap();
        comes_back(&Command::Ssl(SslCommand::CipsslccipherSet(suites)), mux);
    }

    #[test]
    fn lines_about_trust_come_back(
        subject in "[ -!#-~]{0,96}",
        offset: u32,
        item: u16,
        hash: [u8; 32],
        number: i32,
        flags: u32,
        depth: u8,
    ) {
        let (text, word) = (AtStr::from(&subject[..]), AtStr::from("word"));
        // A string ends at a quote before a comma, and none of these has a quote.
        let infos = [
            Info::Pki(PkiLine::Object { partition: word, item, label: word, subject: text, not_after: text, sha256: Sha256(hash) }),
            Info::Pki(PkiLine::BadObject { partition: word, item, label: word, code: text, offset: offset >> 1, text }),
            Info::Pki(PkiLine::BadImage { partition: word, code: text, offset: offset >> 1, text }),
            Info::Sslprobe(ProbeLine::Certificate {
                depth, subject: text, issuer: text, not_before: text, not_after: text, sha256: Sha256(hash), key: word,
            }),
            Info::Sslprobe(ProbeLine::Refused { stage: word, number, flags, depth, subject: text, wanted: text, text, code: word }),
            Info::Sslprobe(ProbeLine::Accepted { policy: text }),
            Info::Sslprobe(ProbeLine::Dropped(offset >> 1)),
        ];
        for info in infos {
            let mut out = heapless::Vec::<u8, 768>::new();
            info.write_to(&mut out).unwrap();
            let wanted = Progress::Event { event: Event::Reply(Reply::Info(info)), consumed: out.len() };
            prop_assert_eq!(ReplyParser::new().next(&out), wanted);
        }
    }

    #[test]
    fn flash_and_time_come_back(
        name in vec(0x21_u8..=0x7e, 1..=16),
        operation in 0..4,
        offset in 0..0x7fff_u32,
        length in 1..0x7fff_u32,
        enable: bool,
        zone in option::of(-720_i16..=840),
        servers in proptest::array::uniform3(option::of(host())),
    ) {
        let range = FlashRange::new(offset, length).unwrap();
        let sectors = FlashRange::new(offset * SECTOR, length * SECTOR).unwrap();
        let operation = match operation {
            0 => FlashOperation::Erase(None),
            1 => FlashOperation::Erase(Some(sectors)),
            2 => FlashOperation::Write(range),
            _ => FlashOperation::Read(range),
        };
        let partition = PartitionName::new(&name[..]).unwrap();
        comes_back(&Command::Flash(FlashCommand::SysflashSet(FlashRequest { partition, operation })), Mux::Single);
        let config = SntpConfig {
            enable,
            zone: zone.and_then(ZoneOffset::from_minutes),
            servers: servers.each_ref().map(|name| name.as_deref().map(|name| HostName::new(name).unwrap())),
        };
        comes_back(&Command::Sntp(SntpCommand::CipsntpcfgSet(config)), Mux::Single);
    }

    #[test]
    fn names_of_networks_come_back(
        name in shown_name(),
        bssid in mac(),
        rssi: i8,
        channel: u8,
        state in select(StationState::ALL),
        encryption in select(Encryption::ALL),
        cipher in select(WifiCipher::ALL),
        bgn: u8,
        wps: bool,
    ) {
        let ssid = AtStr::plain(&name);
        let infos = [
            Info::Cwstate(StationLine { state, ssid }),
            Info::Cwjap(JoinLine::Joined(Joined {
                ssid,
                bssid,
                channel,
                rssi,
                threshold: Bounded::MAX,
                reconnect: Bounded::MAX,
                listen: Bounded::MAX,
                scan_mode: ScanMode::AllChannels,
                pmf: Pmf::DEFAULT,
            })),
            Info::Cwlap(ScanLine {
                columns: ScanColumns::ALL,
                encryption,
                ssid,
                rssi,
                bssid,
                channel,
                freq_offset: -1,
                freqcal: i16::MIN,
                pairwise: cipher,
                group: cipher,
                bgn,
                wps,
            }),
        ];
        for info in infos {
            let mut out = heapless::Vec::<u8, 256>::new();
            info.write_to(&mut out).unwrap();
            let wanted = Progress::Event { event: Event::Reply(Reply::Info(info)), consumed: out.len() };
            prop_assert_eq!(ReplyParser::new().next(&out), wanted);
        }
    }

    #[test]
    fn times_come_back(unix in -62_167_219_200_i64..=253_402_300_799) {
        let time = LocalTime::new(unix, ZoneOffset::UTC);
        prop_assert_eq!(LocalTime::from_asctime(&time.to_string()), Some(time));
    }

    #[test]
    fn no_reply_panics_or_stalls(
        pieces in vec(prop_oneof![
            vec(any::<u8>(), 0..40),
            select(&[
                "+IPD,", "4", ":", ",", "\"", "\r\n", ">", "+SYSFLASH:", "+CIPRECVDATA:", "OK", "+CWLAP:(", ")",
                "+CWJAP:", "+CIPSNTPTIME:", "Thu Jan  1 00:02:08 1970", "0,CONNECT", "Recv ", " bytes", "-", "0x",
                "ERR CODE:", "+LINK_CONN:", "1", "\"TCP\"", "4294967295", "+SSLWHY:", "+CIPSSLCALPN:",
                "+SSLPOLICY:0,", "+SSLPOLICY:-1,\"client=must\",", "\"chain\"", "\"alpn=", "\"dates\",\"name=", "+SSLPROBE:", "\"refused\"", "+PKI:\"client_ca\",",
                "+CIPSSLCPSK:0,", "+CIPSSLCPSKHEX:0,", "+CIPSSLCCIPHER:", "+USERRAM:", "+SYSMFG:\"n\",\"k\",", "7,2,",
                "+SYSTEMP:", "-1.0", "+CIPRECVLEN:", "+STA_CONNECTED:", "+DIST_STA_IP:", "aa:bb:cc:dd:ee:ff", "\"1.2.3.4\"",
                "+CWMODE_CUR:", "_DEF:", "+CWSAP:", "+CWLIF:", "+CWCOUNTRY:", "Have ", " Connections", "WRITE OK",
            ]).prop_map(|text| text.as_bytes().to_vec()),
        ], 0..30),
        data_info: bool,
    ) {
        let stream = pieces.concat();
        let mut parser = ReplyParser::new();
        parser.set_data_info(if data_info {
            DataInfo::On
        } else {
            DataInfo::Off
        });
        let mut rest = &stream[..];
        loop {
            match parser.next(rest) {
                Progress::Event { event, consumed } => {
                    prop_assert!(consumed > 0 && consumed <= rest.len());
                    if let Event::Reply(reply) = &event {
                        // Whatever was understood can be said.
                        prop_assert!(reply.size() > 0);
                    }
                    rest = &rest[consumed..];
                }
                Progress::NeedMore { consumed } => {
                    rest = &rest[consumed..];
                    prop_assert!(rest.len() < MAX_REPLY_LINE);
                    break;
                }
            }
        }
    }
}
