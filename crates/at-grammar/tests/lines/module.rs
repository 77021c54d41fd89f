//! Commands about the chip and what it keeps.

use at_grammar::commands::mfg::MfgCommand;
use at_grammar::commands::mfg::{MfgLength, MfgRequest, MfgValue};
use at_grammar::commands::module::{
    BlePower, ExpressionFlags, ExpressionLength, Filter, FilterRequest, RamRequest, RamSize,
    RegisterRequest, SetPower, SleepTime, Update, WakeSource, WifiPower,
};

use super::*;

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn sleep_and_power() {
    use crate::forms::*;
    let power = |wifi, ble: [Option<u32>; 3]| {
        Ok(Command::Module(RfpowerSet(SetPower {
            wifi: WifiPower::new(wifi).unwrap(),
            ble: ble.map(|level| level.map(|level| BlePower::new(level).unwrap())),
        })))
    };
    check(&[
        (
            ONE,
            "AT+GSLP=0",
            Ok(Command::Module(GslpSet(SleepTime::MIN))),
        ),
        (
            ONE,
            "AT+GSLP=2147483647",
            Ok(Command::Module(GslpSet(SleepTime::MAX))),
        ),
        (ONE, "AT+GSLP=2147483648", Err(0x0107_0000)),
        (ONE, "AT+GSLP=-1", Err(0x0107_0000)),
        (ONE, "AT+GSLP", Err(0x010c_0000)),
        (ONE, "AT+SLEEP?", Ok(Command::Module(SleepQuery))),
        (
            ONE,
            "AT+SLEEP=0",
            Ok(Command::Module(SleepSet(SleepMode::Off))),
        ),
        (
            ONE,
            "AT+SLEEP=3",
            Ok(Command::Module(SleepSet(SleepMode::ModemByListenInterval))),
        ),
        (ONE, "AT+SLEEP=4", Err(0x0107_0000)),
        (
            ONE,
            "AT+SLEEPWKCFG=0,1000",
            Ok(Command::Module(SleepwkcfgSet(WakeSource::Timer(
                SleepTime::clamped(1000),
            )))),
        ),
        (
            ONE,
            "AT+SLEEPWKCFG=2,12,1",
            Ok(Command::Module(SleepwkcfgSet(WakeSource::Gpio {
                pin: 12,
                high: true,
            }))),
        ),
        (ONE, "AT+SLEEPWKCFG=1,0", Err(0x0107_0000)),
        (ONE, "AT+SLEEPWKCFG=3,0", Err(0x0107_0000)),
        (ONE, "AT+SLEEPWKCFG=0", Err(0x0106_0201)),
        (ONE, "AT+SLEEPWKCFG=0,1000,0", Err(0x0106_0203)),
        (ONE, "AT+SLEEPWKCFG=2,12", Err(0x0106_0302)),
        (ONE, "AT+SLEEPWKCFG=2,256,0", Err(0x0107_0001)),
        (ONE, "AT+SLEEPWKCFG=2,12,2", Err(0x0107_0002)),
        (ONE, "AT+SYSRAM?", Ok(Command::Module(SysramQuery))),
        (
            ONE,
            "AT+SYSRAM=0x1800",
            Ok(Command::Module(SysramSet(0x1800))),
        ),
        (ONE, "AT+SYSRAM=-1", Err(0x0107_0000)),
        (ONE, "AT+SYSTEMP?", Ok(Command::Module(SystempQuery))),
        (ONE, "AT+SYSTEMP=1", Err(0x010c_0000)),
        (ONE, "AT+RFPOWER?", Ok(Command::Module(RfpowerQuery))),
        (ONE, "AT+RFPOWER=40", power(40, [None; 3])),
        (
            ONE,
            "AT+RFPOWER=84,0,7,15",
            power(84, [Some(0), Some(7), Some(15)]),
        ),
        (ONE, "AT+RFPOWER=39", Err(0x0107_0000)),
        (ONE, "AT+RFPOWER=85", Err(0x0107_0000)),
        (ONE, "AT+RFPOWER=78,16", Err(0x0107_0001)),
        (ONE, "AT+RFPOWER=78,1,1,1,1", Err(0x0106_0405)),
        (ONE, "AT+SYSROLLBACK", Ok(Command::Module(Sysrollback))),
        (
            ONE,
            "AT+SYSROLLBACK?",
            Ok(Command::Module(SysrollbackQuery)),
        ),
        (ONE, "AT+SYSROLLBACK=1", Err(0x010c_0000)),
        (
            ONE,
            "AT+SYSREG=0,0x3FF44004",
            Ok(Command::Module(SysregSet(RegisterRequest::Read {
                address: 0x3ff4_4004,
            }))),
        ),
        (
            ONE,
            "AT+SYSREG=1,4,5",
            Ok(Command::Module(SysregSet(RegisterRequest::Write {
                address: 4,
                value: 5,
            }))),
        ),
        (ONE, "AT+SYSREG=0,4,5", Err(0x0106_0203)),
        (ONE, "AT+SYSREG=1,4", Err(0x0106_0302)),
        (ONE, "AT+SYSREG=2,4", Err(0x0107_0000)),
    ]);
}

#[test]
fn memory_of_the_host() {
    use crate::forms::*;
    let size = |n| RamSize::new(n).unwrap();
    let write = |n, offset| {
        Ok(Command::Module(UserramSet(RamRequest::Write {
            size: size(n),
            offset,
        })))
    };
    let read = |n, offset| {
        Ok(Command::Module(UserramSet(RamRequest::Read {
            size: size(n),
            offset,
        })))
    };
    check(&[
        (ONE, "AT+USERRAM?", Ok(Command::Module(UserramQuery))),
        (
            ONE,
            "AT+USERRAM=0",
            Ok(Command::Module(UserramSet(RamRequest::Release))),
        ),
        (
            ONE,
            "AT+USERRAM=1,1024",
            Ok(Command::Module(UserramSet(RamRequest::Allocate(size(
                1024,
            ))))),
        ),
        (ONE, "AT+USERRAM=2,10", write(10, 0)),
        (ONE, "AT+USERRAM=2,10,0x10", write(10, 16)),
        (ONE, "AT+USERRAM=3,10,", read(10, 0)),
        (ONE, "AT+USERRAM=3,10,5", read(10, 5)),
        (
            ONE,
            "AT+USERRAM=4",
            Ok(Command::Module(UserramSet(RamRequest::Clear))),
        ),
        (ONE, "AT+USERRAM=0,1", Err(0x0106_0102)),
        (ONE, "AT+USERRAM=1", Err(0x0106_0201)),
        (ONE, "AT+USERRAM=1,0", Err(0x0107_0001)),
        (ONE, "AT+USERRAM=1,10,0", Err(0x0106_0203)),
        (ONE, "AT+USERRAM=2", Err(0x0106_0201)),
        (ONE, "AT+USERRAM=3,10,-1", Err(0x0107_0002)),
        (ONE, "AT+USERRAM=4,1", Err(0x0106_0102)),
        (ONE, "AT+USERRAM=5", Err(0x0107_0000)),
        (ONE, "AT+USERRAM=-1", Err(0x0107_0000)),
        (ONE, "AT+USERDOCS?", Ok(Command::Module(UserdocsQuery))),
        (ONE, "AT+USERDOCS", Err(0x010c_0000)),
    ]);
}

#[test]
fn updates_and_the_port() {
    use crate::forms::*;
    let update = |secure, version: Option<&'static str>, firmware: Option<&'static str>, later| {
        let name = |name: &'static str| UpdateName::new(name).unwrap();
        Ok(Command::Module(CiupdateSet(Update {
            secure,
            version: version.map(name),
            firmware: firmware.map(name),
            nonblocking: later,
        })))
    };
    check(&[
        (ONE, "AT+CIUPDATE", Ok(Command::Module(Ciupdate))),
        (ONE, "AT+CIUPDATE?", Ok(Command::Module(CiupdateQuery))),
        (ONE, "AT+CIUPDATE=1,,,1", update(true, None, None, true)),
        (
            ONE,
            "AT+CIUPDATE=0,\"v1.2.0.0\",\"mqtt_ca\"",
            update(false, Some("v1.2.0.0"), Some("mqtt_ca"), false),
        ),
        (ONE, "AT+CIUPDATE=2", Err(0x0107_0000)),
        (ONE, "AT+CIUPDATE=1,1", Err(0x0105_0001)),
        (ONE, "AT+CIPFWVER?", Ok(Command::Module(CipfwverQuery))),
        (ONE, "AT+CIPFWVER", Err(0x010c_0000)),
        (ONE, "AT+UART?", Ok(Command::Basic(UartQuery))),
        (ONE, "AT+UART=115200,8,1,0", Err(0x0106_0504)),
        (ONE, "AT+UART", Err(0x010c_0000)),
    ]);
    let alias = parse_line(b"AT+UART=9600,7,2,1,0", ONE).unwrap();
    let default = parse_line(b"AT+UART_DEF=9600,7,2,1,0", ONE).unwrap();
    let configs = match (alias, default) {
        (Command::Basic(UartSet(alias)), Command::Basic(UartDefSet(default))) => {
            Some((alias, default))
        }
        _ => None,
    };
    let (alias, default) = configs.unwrap();
    assert_eq!(alias, default);
}

#[test]
fn message_filters() {
    use crate::forms::*;
    let filter = |head, tail, flags| Filter {
        head: ExpressionLength::new(head).unwrap(),
        tail: ExpressionLength::new(tail).unwrap(),
        flags: ExpressionFlags::new(flags).unwrap(),
    };
    check(&[
        (
            ONE,
            "AT+SYSMSGFILTER?",
            Ok(Command::Module(SysmsgfilterQuery)),
        ),
        (
            ONE,
            "AT+SYSMSGFILTER=1",
            Ok(Command::Module(SysmsgfilterSet(true))),
        ),
        (ONE, "AT+SYSMSGFILTER=2", Err(0x0107_0000)),
        (
            ONE,
            "AT+SYSMSGFILTERCFG?",
            Ok(Command::Module(SysmsgfiltercfgQuery)),
        ),
        (
            ONE,
            "AT+SYSMSGFILTERCFG=0",
            Ok(Command::Module(SysmsgfiltercfgSet(FilterRequest::Clear))),
        ),
        (
            ONE,
            "AT+SYSMSGFILTERCFG=1,17,0",
            Ok(Command::Module(SysmsgfiltercfgSet(FilterRequest::Add(
                filter(17, 0, 0),
            )))),
        ),
        (
            ONE,
            "AT+SYSMSGFILTERCFG=2,0,64,7",
            Ok(Command::Module(SysmsgfiltercfgSet(FilterRequest::Delete(
                filter(0, 64, 7),
            )))),
        ),
        (ONE, "AT+SYSMSGFILTERCFG=1,0,0", Err(0x0107_0002)),
        (ONE, "AT+SYSMSGFILTERCFG=1,65,0", Err(0x0107_0001)),
        (ONE, "AT+SYSMSGFILTERCFG=1,1,1,8", Err(0x0107_0003)),
        (ONE, "AT+SYSMSGFILTERCFG=1,1", Err(0x0106_0302)),
        (ONE, "AT+SYSMSGFILTERCFG=0,1", Err(0x0106_0102)),
        (ONE, "AT+SYSMSGFILTERCFG=3", Err(0x0107_0000)),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn manufacturing_data() {
    fn name(name: &str) -> MfgName<'_> {
        MfgName::new(name).unwrap()
    }
    let set = |request| Ok(Command::Mfg(MfgCommand::SysmfgSet(request)));
    let read = |range| {
        set(MfgRequest::Read {
            namespace: name("client_cert"),
            key: name("client_cert.0"),
            range,
        })
    };
    let write = |value| {
        set(MfgRequest::Write {
            namespace: name("n"),
            key: name("k"),
            value,
        })
    };
    let length = |n| MfgLength::new(n).unwrap();
    check(&[
        (ONE, "AT+SYSMFG?", Ok(Command::Mfg(MfgCommand::SysmfgQuery))),
        (ONE, "AT+SYSMFG=1", set(MfgRequest::Namespaces)),
        (
            ONE,
            "AT+SYSMFG=1,\"client_cert\"",
            set(MfgRequest::Keys(name("client_cert"))),
        ),
        (
            ONE,
            "AT+SYSMFG=1,\"client_cert\",\"client_cert.0\"",
            read(None),
        ),
        (
            ONE,
            "AT+SYSMFG=1,\"client_cert\",\"client_cert.0\",10,20",
            read(Some(range(10, 20))),
        ),
        (
            ONE,
            "AT+SYSMFG=0,\"client_cert\"",
            set(MfgRequest::Erase {
                namespace: name("client_cert"),
                key: None,
            }),
        ),
        (
            ONE,
            "AT+SYSMFG=0,\"client_cert\",\"client_cert.0\"",
            set(MfgRequest::Erase {
                namespace: name("client_cert"),
                key: Some(name("client_cert.0")),
            }),
        ),
        (
            ONE,
            "AT+SYSMFG=2,\"n\",\"k\",1,255",
            write(MfgValue::U8(255)),
        ),
        (
            ONE,
            "AT+SYSMFG=2,\"n\",\"k\",2,-128",
            write(MfgValue::I8(-128)),
        ),
        (
            ONE,
            "AT+SYSMFG=2,\"n\",\"k\",3,65535",
            write(MfgValue::U16(65535)),
        ),
        (
            ONE,
            "AT+SYSMFG=2,\"n\",\"k\",4,32767",
            write(MfgValue::I16(32767)),
        ),
        (
            ONE,
            "AT+SYSMFG=2,\"n\",\"k\",5,2147483647",
            write(MfgValue::U32(0x7fff_ffff)),
        ),
        (
            ONE,
            "AT+SYSMFG=2,\"n\",\"k\",6,-2147483648",
            write(MfgValue::I32(i32::MIN)),
        ),
        (
            ONE,
            "AT+SYSMFG=2,\"n\",\"k\",7,1",
            write(MfgValue::String(length(1))),
        ),
        (
            ONE,
            "AT+SYSMFG=2,\"n\",\"k\",8,1164",
            write(MfgValue::Binary(length(1164))),
        ),
        (ONE, "AT+SYSMFG=3", Err(0x0107_0000)),
        (ONE, "AT+SYSMFG=0", Err(0x0106_0201)),
        (ONE, "AT+SYSMFG=0,", Err(0x0108_0001)),
        (ONE, "AT+SYSMFG=0,\"n\",\"k\",1", Err(0x0106_0304)),
        (ONE, "AT+SYSMFG=1,,\"k\"", Err(0x0106_0103)),
        (ONE, "AT+SYSMFG=1,\"n\",,1", Err(0x0106_0204)),
        (ONE, "AT+SYSMFG=1,\"n\",\"k\",1", Err(0x0106_0504)),
        (ONE, "AT+SYSMFG=1,\"n\",\"k\",1,0", Err(0x0107_0004)),
        (ONE, "AT+SYSMFG=1,\"0123456789abcdef\"", Err(0x0104_0001)),
        (ONE, "AT+SYSMFG=1,\"a\\,b\"", Err(0x0107_0001)),
        (ONE, "AT+SYSMFG=1,\"\"", Err(0x0107_0001)),
        (ONE, "AT+SYSMFG=2,\"n\",\"k\",1", Err(0x0106_0504)),
        (ONE, "AT+SYSMFG=2,\"n\",\"k\",0,1", Err(0x0107_0003)),
        (ONE, "AT+SYSMFG=2,\"n\",\"k\",9,1", Err(0x0107_0003)),
        (ONE, "AT+SYSMFG=2,\"n\",\"k\",1,256", Err(0x0107_0004)),
        (ONE, "AT+SYSMFG=2,\"n\",\"k\",1,-1", Err(0x0107_0004)),
        (ONE, "AT+SYSMFG=2,\"n\",\"k\",2,128", Err(0x0107_0004)),
        (ONE, "AT+SYSMFG=2,\"n\",\"k\",3,65536", Err(0x0107_0004)),
        (ONE, "AT+SYSMFG=2,\"n\",\"k\",4,-32769", Err(0x0107_0004)),
        (ONE, "AT+SYSMFG=2,\"n\",\"k\",5,-1", Err(0x0107_0004)),
        (
            ONE,
            "AT+SYSMFG=2,\"n\",\"k\",6,2147483648",
            Err(0x0107_0004),
        ),
        (ONE, "AT+SYSMFG=2,\"n\",\"k\",7,0", Err(0x0107_0004)),
        (ONE, "AT+SYSMFG=2,\"n\",\"k\",8,\"x\"", Err(0x0105_0004)),
        (ONE, "AT+SYSMFG", Err(0x010c_0000)),
    ]);
}
