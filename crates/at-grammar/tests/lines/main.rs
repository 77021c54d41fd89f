//! Command lines, a table per command: what they become, or the exact error word.
#![expect(clippy::unwrap_used, reason = "functions that tests share")]

mod families;
mod inventory;
mod legacy;
mod links;
mod module;
mod network;
mod radio;
mod streams;
mod trust;

use at_grammar::commands::sntp::SntpCommand;
use at_grammar::commands::sntp::SntpInterval;
use at_grammar::commands::tcpip::DataInfo;
use at_grammar::types::*;
use at_grammar::{Command, ErrorWord, LineError, MAX_LINE, Mux, parse_line};

/// Every command by its short name: they are unique.
mod forms {
    pub(crate) use at_grammar::commands::basic::BasicCommand::*;
    pub(crate) use at_grammar::commands::flash::FlashCommand::*;
    pub(crate) use at_grammar::commands::module::ModuleCommand::*;
    pub(crate) use at_grammar::commands::network::NetworkCommand::*;
    pub(crate) use at_grammar::commands::options::OptionsCommand::*;
    pub(crate) use at_grammar::commands::passthrough::PassthroughCommand::*;
    pub(crate) use at_grammar::commands::receive::ReceiveCommand::*;
    pub(crate) use at_grammar::commands::server::ServerCommand::*;
    pub(crate) use at_grammar::commands::sntp::SntpCommand::*;
    pub(crate) use at_grammar::commands::softap::SoftApCommand::*;
    pub(crate) use at_grammar::commands::ssl::SslCommand::*;
    pub(crate) use at_grammar::commands::station::StationCommand::*;
    pub(crate) use at_grammar::commands::tcpip::TcpipCommand::*;
    pub(crate) use at_grammar::commands::trust::TrustCommand::*;
    pub(crate) use at_grammar::commands::wifi::WifiCommand::*;
}

const ONE: Mux = Mux::Single;
const MANY: Mux = Mux::Multiple;

type Row<'a> = (Mux, &'a str, Result<Command<'a>, u32>);

fn check(rows: &[Row<'_>]) {
    for (mux, line, expected) in rows {
        let parsed = parse_line(line.as_bytes(), *mux).map_err(|error| error.error_word());
        let expected = (*expected).map_err(|raw| ErrorWord::from_raw(raw).unwrap());
        assert_eq!(parsed, expected, "{line} with {mux:?}");
    }
}

fn host(name: &str) -> HostName<'_> {
    HostName::new(name).unwrap()
}

fn partition(name: &str) -> PartitionName<'_> {
    PartitionName::new(name).unwrap()
}

fn port(number: u16) -> Port {
    Port::new(number).unwrap()
}

fn link(id: u8) -> LinkId {
    LinkId::new(id).unwrap()
}

fn range(offset: u32, length: u32) -> FlashRange {
    FlashRange::new(offset, length).unwrap()
}

#[test]
fn lines_without_parameters() {
    use crate::forms::*;
    check(&[
        (ONE, "AT", Ok(Command::Basic(At))),
        (ONE, "at", Ok(Command::Basic(At))),
        (ONE, "aT", Ok(Command::Basic(At))),
        (ONE, "ATE0", Ok(Command::Basic(EchoOff))),
        (ONE, "ate1", Ok(Command::Basic(EchoOn))),
        (ONE, "AT+RST", Ok(Command::Basic(Rst))),
        (
            ONE,
            "AT+RST=0",
            Ok(Command::Basic(RstMode(RestartMode::Normal))),
        ),
        (
            ONE,
            "AT+RST=1",
            Ok(Command::Basic(RstMode(RestartMode::Download))),
        ),
        (ONE, "AT+RST=2", Err(0x0107_0000)),
        (ONE, "AT+GMR", Ok(Command::Basic(Gmr))),
        (ONE, "AT+CMD?", Ok(Command::Basic(CmdQuery))),
        (ONE, "AT+RESTORE", Ok(Command::Basic(Restore))),
        (ONE, "AT+SYSFLASH?", Ok(Command::Flash(SysflashQuery))),
        (ONE, "AT+CWSTATE?", Ok(Command::Wifi(CwstateQuery))),
        (ONE, "at+cwmode?", Ok(Command::Wifi(CwmodeQuery))),
        (ONE, "At+CwJap", Ok(Command::Wifi(Cwjap))),
        (ONE, "AT+CWJAP?", Ok(Command::Wifi(CwjapQuery))),
        (ONE, "AT+CWLAP", Ok(Command::Wifi(Cwlap))),
        (ONE, "AT+CWQAP", Ok(Command::Wifi(Cwqap))),
        (ONE, "AT+CIFSR", Ok(Command::Wifi(Cifsr))),
        (ONE, "AT+CIPSTA?", Ok(Command::Wifi(CipstaQuery))),
        (ONE, "AT+CIPSTATUS", Ok(Command::Tcpip(Cipstatus))),
        (ONE, "AT+CIPSTATE?", Ok(Command::Tcpip(CipstateQuery))),
        (ONE, "AT+CIPCLOSE", Ok(Command::Tcpip(Cipclose))),
        (MANY, "AT+CIPCLOSE", Ok(Command::Tcpip(Cipclose))),
        (ONE, "AT+CIPSEND", Ok(Command::Tcpip(Cipsend))),
        (ONE, "AT+CIPSNTPTIME?", Ok(Command::Sntp(CipsntptimeQuery))),
        (ONE, "AT+SSLWHY?", Ok(Command::Trust(SslwhyQuery))),
        (
            ONE,
            "AT+CIPSSLCCIPHER?",
            Ok(Command::Ssl(CipsslccipherQuery)),
        ),
        (ONE, "AT+CIPSSLCPSK?", Ok(Command::Ssl(CipsslcpskQuery))),
        (
            ONE,
            "AT+CIPSSLCPSKHEX?",
            Ok(Command::Ssl(CipsslcpskhexQuery)),
        ),
        (ONE, "AT+SSLPOLICY?", Ok(Command::Trust(SslpolicyQuery))),
        (ONE, "AT+SSLVERSION?", Ok(Command::Trust(SslversionQuery))),
        (ONE, "AT+SSLRESUME?", Ok(Command::Trust(SslresumeQuery))),
        (ONE, "AT+SSLPEER?", Ok(Command::Trust(SslpeerQuery))),
        (ONE, "AT+PKI?", Ok(Command::Trust(PkiQuery))),
    ]);
}

#[test]
fn what_is_no_command() {
    check(&[
        (ONE, "?", Err(0x0103_0000)),
        (ONE, "A", Err(0x0103_0000)),
        (ONE, " AT", Err(0x0103_0000)),
        (ONE, "GMR", Err(0x0103_0000)),
        (ONE, "+++", Err(0x0103_0000)),
        (ONE, "\u{e9}\u{0}", Err(0x0103_0000)),
        (ONE, "ATE", Err(0x0109_0000)),
        (ONE, "ATE2", Err(0x0109_0000)),
        (ONE, "ATGMR", Err(0x0109_0000)),
        (ONE, "ATAT", Err(0x0109_0000)),
        (ONE, "AT+", Err(0x0109_0000)),
        (ONE, "AT+FAKE", Err(0x0109_0000)),
        (ONE, "AT+FAKE=\"", Err(0x0109_0000)),
        (ONE, "AT+CWMODE_CUR?", Err(0x0109_0000)),
        (ONE, "AT+CWMOD?", Err(0x0109_0000)),
        (ONE, "AT+CIPSSLSIZE=4096", Err(0x0109_0000)),
        // Known commands, unknown forms.
        (ONE, "AT ", Err(0x010c_0000)),
        (ONE, "AT\r", Err(0x010c_0000)),
        (ONE, "AT?", Err(0x010c_0000)),
        (ONE, "AT=1", Err(0x010c_0000)),
        (ONE, "AT;", Err(0x010c_0000)),
        (ONE, "AT\u{0}", Err(0x010c_0000)),
        (ONE, "ATE0?", Err(0x010c_0000)),
        (ONE, "AT+GMR ", Err(0x010c_0000)),
        (ONE, "AT+GMR?", Err(0x010c_0000)),
        (ONE, "AT+GMR=1", Err(0x010c_0000)),
        (ONE, "AT+CMD", Err(0x010c_0000)),
        (ONE, "AT+CWMODE", Err(0x010c_0000)),
        (ONE, "AT+CWMODE=?", Err(0x010c_0000)),
        (ONE, "AT+CWMODE?1", Err(0x010c_0000)),
        (ONE, "AT+CWMODE\u{e9}", Err(0x010c_0000)),
        (ONE, "AT+CIPSTART?", Err(0x010c_0000)),
        (ONE, "AT+SSLPROBE?", Err(0x010c_0000)),
        (ONE, "AT+SSLPROBE", Err(0x010c_0000)),
        (ONE, "AT+PKI", Err(0x010c_0000)),
        (ONE, "AT+PKI=0", Err(0x010c_0000)),
        (ONE, "AT+CIPSTATUS?", Err(0x010c_0000)),
    ]);
}

#[test]
fn empty_and_long_lines_have_names() {
    assert_eq!(parse_line(b"", ONE), Err(LineError::Empty));
    for len in [MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, 8192] {
        let mut line = b"AT+CIPSNTPCFG=1,8,\"".to_vec();
        line.resize(len, b'a');
        let error = parse_line(&line, ONE).unwrap_err();
        if len > MAX_LINE {
            assert_eq!(error, LineError::TooLong { len });
            assert_eq!(error.error_word().raw(), 0x0102_0000);
        } else {
            assert_eq!(error.error_word().raw(), 0x0108_0002, "{len}");
        }
    }
}

#[test]
fn numbers() {
    let seconds = |n| {
        let interval = SntpInterval::new(n).unwrap();
        Ok(SntpCommand::CipsntpintvSet(interval).into())
    };
    check(&[
        (ONE, "AT+CIPSNTPINTV=3600", seconds(3600)),
        (ONE, "AT+CIPSNTPINTV=0015", seconds(15)),
        (ONE, "AT+CIPSNTPINTV=+15", seconds(15)),
        (ONE, "AT+CIPSNTPINTV=0xe10", seconds(3600)),
        (ONE, "AT+CIPSNTPINTV=0x0E10", seconds(3600)),
        (ONE, "AT+CIPSNTPINTV=4294967", seconds(4_294_967)),
        (ONE, "AT+CIPSNTPINTV=14", Err(0x0107_0000)),
        (ONE, "AT+CIPSNTPINTV=-15", Err(0x0107_0000)),
        (ONE, "AT+CIPSNTPINTV=4294968", Err(0x0107_0000)),
        (ONE, "AT+CIPSNTPINTV=2147483648", Err(0x0107_0000)),
        (ONE, "AT+CIPSNTPINTV=99999999999999999999", Err(0x0107_0000)),
        (ONE, "AT+CIPSNTPINTV=0x80000000", Err(0x0107_0000)),
        (ONE, "AT+CIPSNTPINTV=\"3600\"", Err(0x0105_0000)),
        (ONE, "AT+CIPSNTPINTV=", Err(0x0108_0000)),
        (ONE, "AT+CIPSNTPINTV= 15", Err(0x0108_0000)),
        (ONE, "AT+CIPSNTPINTV=15 ", Err(0x0108_0000)),
        (ONE, "AT+CIPSNTPINTV=1e3", Err(0x0108_0000)),
        (ONE, "AT+CIPSNTPINTV=0x", Err(0x0108_0000)),
        (ONE, "AT+CIPSNTPINTV=-0x10", Err(0x0108_0000)),
        (ONE, "AT+CIPSNTPINTV=+", Err(0x0108_0000)),
        (ONE, "AT+CIPSNTPINTV=60,", Err(0x0106_0102)),
        (ONE, "AT+CIPSNTPINTV=60,1", Err(0x0106_0102)),
    ]);
    let extremes = [
        ("2147483647", Ok(())),
        ("-2147483648", Ok(())),
        ("-2147483649", Err(())),
    ];
    for (number, fits) in extremes {
        let line = format!("AT+CIPSNTPCFG={number}");
        let error = parse_line(line.as_bytes(), ONE).unwrap_err();
        let overflow = matches!(
            error,
            LineError::Argument(at_grammar::ArgError::Overflow { index: 0 })
        );
        assert_eq!(overflow, fits.is_err(), "{line}: {error}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn documented_transcripts_are_understood() {
    let single = [
        "AT+CWMODE=1",
        "AT+CWJAP=\"espressif\",\"1234567890\"",
        "AT+CIPSTA?",
        "AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080",
        "AT+CIPSEND=4",
        "AT+CIPMUX=0",
        "AT+CIPSTART=\"UDP\",\"192.168.3.102\",8080,1112,2",
        "AT+CIPSEND=4,\"192.168.3.103\",1000",
        "AT+CIPCLOSE",
        "AT+CIPSTART=\"SSL\",\"192.168.3.102\",8070",
        "AT+CIPSNTPCFG=1,8,\"cn.ntp.org.cn\",\"ntp.sjtu.edu.cn\"",
        "AT+CIPSNTPTIME?",
        "AT+CIPSSLCCONF=3,0,0",
        "AT+CIPSEND",
        "AT+CIPSTART=\"UDP\",\"192.168.4.2\",8080,2233,0",
        "AT+CIPMODE=1",
        "AT+CIPMODE=0",
        "AT+CIPRECVMODE=1",
        "AT+CIPRECVTYPE=1",
        "AT+CIPRECVLEN?",
        "AT+CIPRECVDATA=4",
        "AT+CWMODE=2",
        "AT+CWSAP=\"ESP32_softAP\",\"1234567890\",5,3",
        "AT+CIPAP?",
        "AT+SYSMFG?",
        "AT+SYSMFG=1,\"client_cert\"",
        "AT+SYSMFG=2,\"client_ca\",\"client_ca.0\",8,1164",
        "AT+SYSMFG=1,\"factory_param\",\"module_name\"",
        "AT+SYSMFG=2,\"factory_param\",\"max_tx_power\",2,60",
        "AT+SYSMFG=0,\"client_cert\",\"client_cert.0\"",
        "AT+SLEEP=1",
        "AT+SLEEP=2",
        "AT+GSLP=3600000",
        "AT+SYSMSGFILTERCFG=1,17,0",
        "AT+SYSMSGFILTER=1",
        "AT+MDNS=1,\"espressif\",\"_printer\",35,\"my_instance\",\"_tcp\",2,\"product\",\"my_printer\",\"firmware_version\",\"AT-V3.4.1.0\"",
        "AT+MDNS=0",
        "AT+SYSFLASH?",
        "AT+SYSFLASH=0,\"client_cert\"",
        "AT+SYSFLASH=1,\"client_cert\",0,2344",
        "AT+SYSLOG=1",
        "AT+CIPSNTPINTV=3600",
        "AT+CWJAP=\"espressif\",\"1234567890\",,,,3",
        "AT+RST",
        "ATE0",
        "AT+CWJAP=\"net\",\"secret\"",
        "AT+SYSFLASH=0,\"client_ca\",0,4096",
        "AT+CWJAP=\"iot\",\"\"",
        "AT+CIPSSLCCONF=2,0,0",
        "AT+CIPSSLCCONF?",
        "AT+CIPSTART=\"SSL\",\"192.168.3.129\",8739",
    ];
    let multiple = [
        "AT+CIPMUX=1",
        "AT+CIPSTART=4,\"UDP\",\"192.168.3.102\",8080,1112,0",
        "AT+CIPSEND=4,7",
        "AT+CIPSEND=0,4",
        "AT+CIPCLOSE=4",
        "AT+CIPCLOSE",
        "AT+CIPSEND",
        "AT+CIPSERVER=1",
        "AT+CIPSERVER=1,8070,\"SSL\",1",
        "AT+CIPSERVER=0",
        "AT+CIPSERVERMAXCONN=1",
        "AT+CIPRECVDATA=0,1024",
        "AT+CIPSSLCCONF=0,2,0,0",
        "AT+CIPSSLCSNI=0,\"example.com\"",
        "AT+CIPSTART=0,\"SSL\",\"example.com\",443",
        "AT+CIPSEND=0,18",
    ];
    for (mux, lines) in [(ONE, &single[..]), (MANY, &multiple)] {
        for line in lines {
            let command = parse_line(line.as_bytes(), mux);
            assert!(command.is_ok(), "{line} with {mux:?}: {command:?}");
        }
    }
}
