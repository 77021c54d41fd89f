//! Commands about the module, its flash, its network and its clock.

use at_grammar::commands::basic::{Baud, UartConfig, UnixTime};
use at_grammar::commands::flash::FlashCommand;
use at_grammar::commands::flash::{FlashOperation, FlashRequest};
use at_grammar::commands::sntp::SntpCommand;
use at_grammar::commands::sntp::SntpConfig;
use at_grammar::commands::wifi::{
    JoinAp, JoinTimeout, ListenInterval, ReconnectInterval, ScanRequest, SetWifiMode,
};

use super::*;

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn basic() {
    use crate::forms::*;
    let uart = |baud, stop_bits, parity, flow_control| UartConfig {
        baud: Baud::new(baud).unwrap(),
        data_bits: Bounded::new(8).unwrap(),
        stop_bits,
        parity,
        flow_control,
    };
    check(&[
        (
            ONE,
            "AT+SYSTIMESTAMP?",
            Ok(Command::Basic(SystimestampQuery)),
        ),
        (
            ONE,
            "AT+SYSTIMESTAMP=1565853509",
            Ok(Command::Basic(SystimestampSet(
                UnixTime::new(1_565_853_509).unwrap(),
            ))),
        ),
        (ONE, "AT+SYSTIMESTAMP=-1", Err(0x0107_0000)),
        (
            ONE,
            "AT+SYSMSG=7",
            Ok(Command::Basic(SysmsgSet(SysMsg::new(7).unwrap()))),
        ),
        (ONE, "AT+SYSMSG=8", Err(0x0107_0000)),
        (ONE, "AT+SYSLOG=1", Ok(Command::Basic(SyslogSet(true)))),
        (ONE, "AT+SYSLOG=0", Ok(Command::Basic(SyslogSet(false)))),
        (ONE, "AT+SYSLOG=2", Err(0x0107_0000)),
        (ONE, "AT+SYSSTORE=0", Ok(Command::Basic(SysstoreSet(false)))),
        (
            ONE,
            "AT+UART_CUR=115200,8,1,0,3",
            Ok(Command::Basic(UartCurSet(uart(
                115_200,
                StopBits::One,
                Parity::None,
                FlowControl::RtsCts,
            )))),
        ),
        (
            ONE,
            "AT+UART_DEF=80,8,3,2,0",
            Ok(Command::Basic(UartDefSet(uart(
                80,
                StopBits::Two,
                Parity::Even,
                FlowControl::None,
            )))),
        ),
        (ONE, "AT+UART_CUR=115200,8,1,0", Err(0x0106_0504)),
        (ONE, "AT+UART_CUR=115200", Err(0x0106_0501)),
        (ONE, "AT+UART_CUR=115200,8,1,0,3,", Err(0x0106_0506)),
        (ONE, "AT+UART_CUR=79,8,1,0,3", Err(0x0107_0000)),
        (ONE, "AT+UART_CUR=5000001,8,1,0,3", Err(0x0107_0000)),
        (ONE, "AT+UART_CUR=115200,9,1,0,3", Err(0x0107_0001)),
        (ONE, "AT+UART_CUR=115200,8,0,0,3", Err(0x0107_0002)),
        (ONE, "AT+UART_CUR=115200,8,1,3,3", Err(0x0107_0003)),
        (ONE, "AT+UART_CUR=115200,8,1,0,4", Err(0x0107_0004)),
        (ONE, "AT+UART_CUR=115200,8,1,,3", Err(0x0108_0003)),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn flash() {
    let set = |name, operation| {
        Ok(Command::Flash(FlashCommand::SysflashSet(FlashRequest {
            partition: partition(name),
            operation,
        })))
    };
    use FlashOperation::*;
    check(&[
        (
            ONE,
            "AT+SYSFLASH=0,\"client_ca\"",
            set("client_ca", Erase(None)),
        ),
        (
            ONE,
            "AT+SYSFLASH=0,\"client_ca\",,",
            set("client_ca", Erase(None)),
        ),
        (
            ONE,
            "AT+SYSFLASH=0,\"client_ca\",0,4096",
            set("client_ca", Erase(Some(range(0, 4096)))),
        ),
        (
            ONE,
            "AT+SYSFLASH=0,\"ble_data\",4096,8192",
            set("ble_data", Erase(Some(range(4096, 8192)))),
        ),
        (
            ONE,
            "AT+SYSFLASH=1,\"ble_data\",100,10",
            set("ble_data", Write(range(100, 10))),
        ),
        (
            ONE,
            "AT+SYSFLASH=1,\"client_cert\",0,2344",
            set("client_cert", Write(range(0, 2344))),
        ),
        (
            ONE,
            "AT+SYSFLASH=2,\"ble_data\",0,100",
            set("ble_data", Read(range(0, 100))),
        ),
        (
            ONE,
            "AT+SYSFLASH=2,\"client_ca\",0,0x2000",
            set("client_ca", Read(range(0, 8192))),
        ),
        (
            ONE,
            "AT+SYSFLASH=1,\"mfg_nvs\",0,0x1C000",
            set("mfg_nvs", Write(range(0, 0x1c000))),
        ),
        (ONE, "AT+SYSFLASH=0", Err(0x0106_0201)),
        (ONE, "AT+SYSFLASH=3,\"x\"", Err(0x0107_0000)),
        (ONE, "AT+SYSFLASH=0,client_ca", Err(0x0108_0001)),
        (ONE, "AT+SYSFLASH=0,\"client_ca", Err(0x0108_0001)),
        (ONE, "AT+SYSFLASH=0,1", Err(0x0105_0001)),
        (ONE, "AT+SYSFLASH=0,\"\"", Err(0x0107_0001)),
        (ONE, "AT+SYSFLASH=0,\"01234567890123456\"", Err(0x0104_0001)),
        (ONE, "AT+SYSFLASH=0,\"client_ca\",4096", Err(0x0106_0403)),
        (ONE, "AT+SYSFLASH=0,\"client_ca\",,4096", Err(0x0108_0002)),
        (ONE, "AT+SYSFLASH=0,\"client_ca\",0,", Err(0x0108_0003)),
        (ONE, "AT+SYSFLASH=0,\"client_ca\",0,4095", Err(0x0107_0003)),
        (ONE, "AT+SYSFLASH=0,\"client_ca\",1,4096", Err(0x0107_0002)),
        (ONE, "AT+SYSFLASH=0,\"client_ca\",0,0", Err(0x0107_0003)),
        (ONE, "AT+SYSFLASH=1,\"client_ca\"", Err(0x0106_0402)),
        (ONE, "AT+SYSFLASH=1,\"client_ca\",,", Err(0x0108_0002)),
        (ONE, "AT+SYSFLASH=1,\"client_ca\",0", Err(0x0106_0403)),
        (ONE, "AT+SYSFLASH=1,\"client_ca\",0,0", Err(0x0107_0003)),
        (ONE, "AT+SYSFLASH=1,\"client_ca\",-1,4", Err(0x0107_0002)),
        (ONE, "AT+SYSFLASH=2,\"client_ca\",0,4,0", Err(0x0106_0405)),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn wifi() {
    use crate::forms::*;
    let mode =
        |mode, auto_connect| Ok(Command::Wifi(CwmodeSet(SetWifiMode { mode, auto_connect })));
    let plain = |ssid, password| {
        JoinAp::new(
            Some(Ssid::new(ssid).unwrap()),
            Some(Password::new(password).unwrap()),
        )
    };
    let nothing = JoinAp::new(None, None);
    let long = "AT+CWJAP=\"0123456789abcdef0123456789abcdefX\",\"\"";
    let long_password = format!("AT+CWJAP=\"a\",\"{}\"", "p".repeat(65));
    check(&[
        (ONE, "AT+CWMODE=1", mode(WifiMode::Station, true)),
        (ONE, "AT+CWMODE=0,0", mode(WifiMode::Off, false)),
        (ONE, "AT+CWMODE=3,", mode(WifiMode::StationAndSoftAp, true)),
        (ONE, "AT+CWMODE=4", Err(0x0107_0000)),
        (ONE, "AT+CWMODE=\"1\"", Err(0x0105_0000)),
        (ONE, "AT+CWMODE=1,2", Err(0x0107_0001)),
        (ONE, "AT+CWMODE=1,1,", Err(0x0106_0203)),
        (ONE, "AT+CWMODE=,1", Err(0x0108_0000)),
        (
            ONE,
            "AT+CWJAP=\"iot\",\"\"",
            Ok(Command::Wifi(CwjapSet(plain("iot", "")))),
        ),
        (
            ONE,
            "AT+CWJAP=\"espressif\",\"1234567890\"",
            Ok(Command::Wifi(CwjapSet(plain("espressif", "1234567890")))),
        ),
        (
            ONE,
            r#"AT+CWJAP="ab\\\,c","0123456789\"\\""#,
            Ok(Command::Wifi(CwjapSet(plain(r"ab\,c", r#"0123456789"\"#)))),
        ),
        (
            ONE,
            r#"AT+CWJAP="comma\,backslash\\ssid","1234567890""#,
            Ok(Command::Wifi(CwjapSet(plain(
                r"comma,backslash\ssid",
                "1234567890",
            )))),
        ),
        // A comma inside quotes is data, escaped or not.
        (
            ONE,
            r#"AT+CWJAP="a,b","p""#,
            Ok(Command::Wifi(CwjapSet(plain("a,b", "p")))),
        ),
        (
            ONE,
            "AT+CWJAP=\"ssid\",\"password\",,1",
            Ok(Command::Wifi(CwjapSet(JoinAp {
                threshold: Bounded::new(1).unwrap(),
                ..plain("ssid", "password")
            }))),
        ),
        (
            ONE,
            "AT+CWJAP=\"espressif\",\"1234567890\",,,,3",
            Ok(Command::Wifi(CwjapSet(JoinAp {
                listen: ListenInterval::new(3).unwrap(),
                ..plain("espressif", "1234567890")
            }))),
        ),
        (
            ONE,
            "AT+CWJAP=\"a\",\"b\",\"CA:d7:19:d8:a6:44\",16,0,100,1,600,3",
            Ok(Command::Wifi(CwjapSet(JoinAp {
                bssid: Some(Mac([0xca, 0xd7, 0x19, 0xd8, 0xa6, 0x44])),
                threshold: Bounded::new(16).unwrap(),
                reconnect: ReconnectInterval::new(0).unwrap(),
                listen: ListenInterval::new(100).unwrap(),
                scan_mode: ScanMode::AllChannels,
                timeout: JoinTimeout::new(600).unwrap(),
                pmf: Pmf::new(3).unwrap(),
                ..plain("a", "b")
            }))),
        ),
        (ONE, "AT+CWJAP=", Ok(Command::Wifi(CwjapSet(nothing)))),
        (ONE, "AT+CWJAP=,", Ok(Command::Wifi(CwjapSet(nothing)))),
        (
            ONE,
            "AT+CWJAP=,,,,,,,,",
            Ok(Command::Wifi(CwjapSet(nothing))),
        ),
        (ONE, "AT+CWJAP=,,,,,,,,,", Err(0x0106_090a)),
        (ONE, "AT+CWJAP=1,\"b\"", Err(0x0105_0000)),
        (ONE, "AT+CWJAP=\"a\",12345678", Err(0x0105_0001)),
        (ONE, "AT+CWJAP=\"a\",\"b", Err(0x0108_0001)),
        (ONE, "AT+CWJAP=\"a\"b\",\"c\"", Err(0x0108_0000)),
        (ONE, "AT+CWJAP=\"a\",\"b\\\"", Err(0x0108_0001)),
        (ONE, long, Err(0x0104_0000)),
        (ONE, &long_password, Err(0x0104_0001)),
        (ONE, "AT+CWJAP=\"a\",\"b\",\"aa:bb\"", Err(0x0107_0002)),
        (ONE, "AT+CWJAP=\"a\",\"b\",,17", Err(0x0107_0003)),
        (ONE, "AT+CWJAP=\"a\",\"b\",,,7201", Err(0x0107_0004)),
        (ONE, "AT+CWJAP=\"a\",\"b\",,,,0", Err(0x0107_0005)),
        (ONE, "AT+CWJAP=\"a\",\"b\",,,,,2", Err(0x0107_0006)),
        (ONE, "AT+CWJAP=\"a\",\"b\",,,,,,2", Err(0x0107_0007)),
        (ONE, "AT+CWJAP=\"a\",\"b\",,,,,,,4", Err(0x0107_0008)),
        (
            ONE,
            "AT+CWLAP=",
            Ok(Command::Wifi(CwlapSet(ScanRequest::ALL))),
        ),
        (
            ONE,
            "AT+CWLAP=\"iot\",,6,1,0,1500",
            Ok(Command::Wifi(CwlapSet(ScanRequest {
                ssid: Some(Ssid::new("iot").unwrap()),
                bssid: None,
                channel: Bounded::new(6).unwrap(),
                scan_type: ScanType::Passive,
                time_min: Bounded::MIN,
                time_max: Bounded::MAX,
            }))),
        ),
        (ONE, "AT+CWLAP=,,15", Err(0x0107_0002)),
        (ONE, "AT+CWLAP=,,,,,1501", Err(0x0107_0005)),
        (
            ONE,
            "AT+CWAUTOCONN=0",
            Ok(Command::Wifi(CwautoconnSet(false))),
        ),
        (ONE, "AT+CWAUTOCONN?", Ok(Command::Wifi(CwautoconnQuery))),
    ]);
}

#[test]
fn sntp() {
    let set = |enable, zone: Option<i16>, servers: [Option<&'static str>; 3]| {
        Ok(Command::Sntp(SntpCommand::CipsntpcfgSet(SntpConfig {
            enable,
            zone: zone.map(|minutes| ZoneOffset::from_minutes(minutes).unwrap()),
            servers: servers.map(|name| name.map(host)),
        })))
    };
    check(&[
        (
            ONE,
            "AT+CIPSNTPCFG=1,8,\"cn.ntp.org.cn\",\"ntp.sjtu.edu.cn\"",
            set(
                true,
                Some(480),
                [Some("cn.ntp.org.cn"), Some("ntp.sjtu.edu.cn"), None],
            ),
        ),
        (ONE, "AT+CIPSNTPCFG=0", set(false, None, [None; 3])),
        (ONE, "AT+CIPSNTPCFG=1,015", set(true, Some(15), [None; 3])),
        (ONE, "AT+CIPSNTPCFG=1,+530", set(true, Some(330), [None; 3])),
        (
            ONE,
            "AT+CIPSNTPCFG=1,-500",
            set(true, Some(-300), [None; 3]),
        ),
        (ONE, "AT+CIPSNTPCFG=1,1245", set(true, Some(765), [None; 3])),
        (ONE, "AT+CIPSNTPCFG=1,-12", set(true, Some(-720), [None; 3])),
        (ONE, "AT+CIPSNTPCFG=1,14", set(true, Some(840), [None; 3])),
        (
            ONE,
            "AT+CIPSNTPCFG=1,,,,\"c\"",
            set(true, None, [None, None, Some("c")]),
        ),
        (ONE, "AT+CIPSNTPCFG=1,60", Err(0x0107_0001)),
        (ONE, "AT+CIPSNTPCFG=1,1500", Err(0x0107_0001)),
        (ONE, "AT+CIPSNTPCFG=1,-1201", Err(0x0107_0001)),
        (ONE, "AT+CIPSNTPCFG=1,\"8\"", Err(0x0105_0001)),
        (ONE, "AT+CIPSNTPCFG=2,8", Err(0x0107_0000)),
        (ONE, "AT+CIPSNTPCFG=1,8,pool", Err(0x0108_0002)),
        (ONE, "AT+CIPSNTPCFG=1,8,\"\"", Err(0x0107_0002)),
        (
            ONE,
            "AT+CIPSNTPCFG=1,8,\"a\",\"b\",\"c\",\"d\"",
            Err(0x0106_0506),
        ),
    ]);
}
