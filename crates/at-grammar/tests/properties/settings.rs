//! Settings of every kind come back as they were written.

use at_grammar::commands::mfg::MfgCommand;
use at_grammar::commands::network::NetworkCommand;
use at_grammar::commands::options::OptionsCommand;
use at_grammar::commands::passthrough::PassthroughCommand;
use at_grammar::commands::server::ServerCommand;
use at_grammar::commands::softap::SoftApCommand;
use at_grammar::commands::station::StationCommand;
use at_grammar::commands::wifi::WifiCommand;
use core::net::Ipv4Addr;

use at_grammar::commands::mfg::{MfgHead, MfgLine, MfgRequest, MfgValue};
use at_grammar::commands::network::DnsServers;
use at_grammar::commands::options::{Linger, SetTcpOptions};
use at_grammar::commands::passthrough::{SavedClient, SavedLink};
use at_grammar::commands::server::{Server, ServerRequest};
use at_grammar::commands::softap::{LeasePool, SetLeasePool, SoftAp};
use at_grammar::commands::station::{RssiFilter, ScanOptions, StaticAddress};
use at_grammar::{Dialect, Parsed, Suffix, parse_line_as};

use super::*;

fn own_mac() -> impl Strategy<Value = OwnMac> {
    any::<[u8; 6]>().prop_filter_map("of a group, or none", |mac| OwnMac::new(Mac(mac)))
}

fn mfg_name() -> impl Strategy<Value = Vec<u8>> {
    vec(
        (0x21_u8..=0x7e).prop_filter("what ends a field", |byte| !b"\",\\".contains(byte)),
        1..=15,
    )
}

fn mfg_value() -> impl Strategy<Value = MfgValue> {
    prop_oneof![
        any::<u8>().prop_map(MfgValue::U8),
        any::<i8>().prop_map(MfgValue::I8),
        any::<u16>().prop_map(MfgValue::U16),
        any::<i16>().prop_map(MfgValue::I16),
        (0..=0x7fff_ffff_u32).prop_map(MfgValue::U32),
        any::<i32>().prop_map(MfgValue::I32),
        bounded().prop_map(MfgValue::String),
        bounded().prop_map(MfgValue::Binary),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_in_flash_come_back(
        namespace in mfg_name(),
        key in mfg_name(),
        value in mfg_value(),
        offset in 0..0x7fff_u32,
        length in 1..0x7fff_u32,
        len: u32,
    ) {
        let namespace = MfgName::new(&namespace[..]).unwrap();
        let key = MfgName::new(&key[..]).unwrap();
        for request in [
            MfgRequest::Erase { namespace, key: None },
            MfgRequest::Erase { namespace, key: Some(key) },
            MfgRequest::Namespaces,
            MfgRequest::Keys(namespace),
            MfgRequest::Read { namespace, key, range: None },
            MfgRequest::Read { namespace, key, range: FlashRange::new(offset, length) },
            MfgRequest::Write { namespace, key, value },
        ] {
            comes_back(&Command::Mfg(MfgCommand::SysmfgSet(request)), Mux::Single);
        }
        let kind = value.kind();
        for reply in [
            Reply::Info(Info::Sysmfg(MfgLine::Namespace(namespace))),
            Reply::Info(Info::Sysmfg(MfgLine::Key { namespace, key, kind })),
            Reply::MfgValue(MfgHead { namespace, key, kind, len }),
        ] {
            let mut out = heapless::Vec::<u8, 128>::new();
            reply.write_to(&mut out).unwrap();
            let wanted = Progress::Event { event: Event::Reply(reply), consumed: out.len() };
            prop_assert_eq!(ReplyParser::new().next(&out), wanted);
        }
    }

    #[test]
    fn servers_and_saved_links_come_back(
        number in port(),
        tls: bool,
        v6: bool,
        verify: bool,
        interface in select(NetInterface::ALL),
        close_all: bool,
        name in host(),
        keep_alive in option::of(bounded()),
        local_port in option::of(port()),
        kind in 0..3,
    ) {
        let family = if v6 { Family::V6 } else { Family::V4 };
        let protocol = if tls { Protocol::Ssl } else { Protocol::Tcp };
        let server = Server {
            port: number,
            transport: StreamTransport::new(Transport::new(protocol, family)).unwrap(),
            verify_client: verify && tls,
            interface,
        };
        comes_back(&Command::Server(ServerCommand::CipserverSet(ServerRequest::Create(server))), Mux::Multiple);
        comes_back(&Command::Server(ServerCommand::CipserverSet(ServerRequest::Delete { close_all })), Mux::Multiple);
        let opening = match kind {
            0 => Opening::Tcp { keep_alive },
            1 => Opening::Ssl { keep_alive },
            _ => Opening::Udp { local_port, mode: UdpMode::Fixed },
        };
        let host = HostName::new(&name[..]).unwrap();
        for saved in [
            SavedLink::Off,
            SavedLink::Server(server),
            SavedLink::Client(SavedClient { host, port: number, family, opening }),
        ] {
            comes_back(&Command::Passthrough(PassthroughCommand::SavetranslinkSet(saved)), Mux::Single);
        }
    }

    #[test]
    fn options_and_name_servers_come_back(
        link in option::of(link_target()),
        linger in option::of(prop_oneof![Just(Linger::Off), bounded().prop_map(Linger::Seconds)]),
        no_delay in option::of(any::<bool>()),
        send_timeout in option::of(bounded()),
        keep_alive in option::of(bounded()),
        manual: bool,
        servers in proptest::array::uniform3(option::of(address())),
    ) {
        let options = SetTcpOptions { link, linger, no_delay, send_timeout, keep_alive };
        comes_back(&Command::Options(OptionsCommand::CiptcpoptSet(options)), mux_of(link));
        let [a, b, c] = servers;
        let alike = |x: Option<_>, y: Option<_>| x.is_some() && x == y;
        prop_assume!(!alike(a, b) && !alike(a, c) && !alike(b, c));
        let dns = DnsServers { manual, servers };
        comes_back(&Command::Network(NetworkCommand::CipdnsSet(dns)), Mux::Single);
    }

    #[test]
    fn radio_settings_come_back(
        ssid in vec(any::<u8>(), 1..=32),
        password in vec(any::<u8>(), 8..=64),
        channel in bounded(),
        security in select(SoftApSecurity::ALL),
        max_stations in bounded(),
        hidden: bool,
        own in own_mac(),
        lease in bounded(),
        ends in any::<(u32, u32)>(),
        columns in 0..=0x7ff_u16,
        rssi in -100_i8..=40,
        encryptions: u16,
        prefix in 0..=32_u32,
    ) {
        let ap = SoftAp {
            ssid: Ssid::new(&ssid[..]).unwrap(),
            password: Password::new(&password[..]).unwrap(),
            channel,
            security,
            max_stations,
            hidden,
        };
        comes_back(&Command::SoftAp(SoftApCommand::CwsapSet(ap)), Mux::Single);
        comes_back(&Command::Station(StationCommand::CipstamacSet(own)), Mux::Single);
        comes_back(&Command::Station(StationCommand::CipapmacSet(own)), Mux::Single);
        let (start, end) = (ends.0.min(ends.1), ends.0.max(ends.1));
        let pool = LeasePool { lease, start: Ipv4Addr::from_bits(start), end: Ipv4Addr::from_bits(end) };
        comes_back(&Command::SoftAp(SoftApCommand::CwdhcpsSet(SetLeasePool::Manual(pool))), Mux::Single);
        comes_back(&Command::Station(StationCommand::CwlapoptSet(ScanOptions {
            sort: hidden,
            columns: ScanColumns::new(columns).unwrap(),
            rssi: RssiFilter::new(rssi).unwrap(),
            encryptions,
        })), Mux::Single);
        let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
        let network = Some((Ipv4Addr::from_bits(start), Ipv4Addr::from_bits(mask)));
        let fixed = StaticAddress { ip: Ipv4Addr::new(10, 0, 0, 1), network };
        comes_back(&Command::Wifi(WifiCommand::CipstaSet(fixed)), Mux::Single);
        comes_back(&Command::SoftAp(SoftApCommand::CipapSet(fixed)), Mux::Single);
    }

    #[test]
    fn a_suffix_changes_nothing_but_the_name(row in 0..LINES.len(), default: bool) {
        let (mux, line) = LINES[row];
        let command = parse_line(line.as_bytes(), mux).unwrap();
        let suffix = if default { Suffix::Default } else { Suffix::Current };
        let (name, rest) = line.split_at(command.name().len());
        let named = format!("{name}{}{rest}", suffix.text());
        let parsed = parse_line_as(named.as_bytes(), mux, Dialect::Legacy);
        let row = Command::TABLE.iter().find(|row| row.name == name).unwrap();
        // `AT+CWDHCP_CUR=` has another order.
        prop_assume!(!matches!(command, Command::Station(StationCommand::CwdhcpSet(_))));
        if row.suffixed {
            prop_assert_eq!(parsed, Ok(Parsed { command, suffix: Some(suffix) }));
        } else if name != "AT+UART" {
            prop_assert!(parsed.is_err());
        }
    }
}
