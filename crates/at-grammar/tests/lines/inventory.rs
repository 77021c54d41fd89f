//! What `AT+CMD?` lists, in which order; and what no release of ours knows.

use super::*;

/// Names in the order in which released firmware lists them (ESP-AT command set, A.24).
const DOCUMENTED: &str = "AT ATE0 ATE1 AT+RST AT+GMR AT+CMD AT+GSLP AT+SYSTIMESTAMP AT+SLEEP \
    AT+RESTORE AT+SYSRAM AT+SYSFLASH AT+SYSMFG AT+RFPOWER AT+SYSMSG AT+SYSROLLBACK AT+SYSLOG \
    AT+SYSSTORE AT+SLEEPWKCFG AT+SYSREG AT+USERRAM AT+CWMODE AT+CWSTATE AT+CWJAP AT+CWRECONNCFG \
    AT+CWLAP AT+CWLAPOPT AT+CWQAP AT+CWSAP AT+CWLIF AT+CWQIF AT+CWDHCP AT+CWDHCPS AT+CWSTAPROTO \
    AT+CWAPPROTO AT+CWAUTOCONN AT+CWHOSTNAME AT+CWCOUNTRY AT+CIFSR AT+CIPSTAMAC AT+CIPAPMAC \
    AT+CIPSTA AT+CIPAP AT+CIPV6 AT+CIPDNS AT+CIPDOMAIN AT+CIPSTATUS AT+CIPSTATE AT+CIPSTART \
    AT+CIPSTARTEX AT+CIPTCPOPT AT+CIPCLOSE AT+CIPSEND AT+CIPSENDL AT+CIPSENDLCFG AT+CIPSENDEX \
    AT+CIPDINFO AT+CIPMUX AT+CIPRECVMODE AT+CIPRECVTYPE AT+CIPRECVDATA AT+CIPRECVLEN AT+CIPSERVER \
    AT+CIPSERVERMAXCONN AT+CIPSSLCCONF AT+CIPSSLCCN AT+CIPSSLCSNI AT+CIPSSLCALPN AT+CIPSSLCPSK \
    AT+CIPMODE AT+CIPSTO AT+SAVETRANSLINK AT+CIPSNTPCFG AT+CIPSNTPTIME AT+CIPSNTPINTV \
    AT+CIPRECONNINTV AT+MDNS AT+PING AT+CIUPDATE AT+UART AT+UART_CUR AT+UART_DEF";

/// Documented flags: test, query, set, execute.
const FLAGS: &[(&str, &str)] = &[
    ("AT+GSLP", "0,0,1,0"),
    ("AT+SLEEP", "0,1,1,0"),
    ("AT+SYSFLASH", "0,1,1,0"),
    ("AT+SYSMFG", "0,1,1,0"),
    ("AT+RFPOWER", "0,1,1,0"),
    ("AT+SLEEPWKCFG", "0,0,1,0"),
    ("AT+USERRAM", "0,1,1,0"),
    ("AT+CWJAP", "0,1,1,1"),
    ("AT+CWRECONNCFG", "0,1,1,0"),
    ("AT+CWLAP", "0,0,1,1"),
    ("AT+CWLAPOPT", "0,0,1,0"),
    ("AT+CWSAP", "0,1,1,0"),
    ("AT+CWLIF", "0,0,0,1"),
    ("AT+CWQIF", "0,0,1,1"),
    ("AT+CWDHCP", "0,1,1,0"),
    ("AT+CWHOSTNAME", "0,1,1,0"),
    ("AT+CIPSTA", "0,1,1,0"),
    ("AT+CIPSTATUS", "0,0,0,1"),
    ("AT+CIPSTART", "0,0,1,0"),
    ("AT+CIPSTARTEX", "0,0,1,0"),
    ("AT+CIPTCPOPT", "0,1,1,0"),
    ("AT+CIPCLOSE", "0,0,1,1"),
    ("AT+CIPSEND", "0,0,1,1"),
    ("AT+CIPSENDL", "0,0,1,0"),
    ("AT+CIPSENDEX", "0,0,1,0"),
    ("AT+CIPRECVDATA", "0,0,1,0"),
    ("AT+CIPRECVLEN", "0,1,0,0"),
    ("AT+CIPSERVER", "0,1,1,0"),
    ("AT+CIPSSLCCONF", "0,1,1,0"),
    ("AT+CIPMODE", "0,1,1,0"),
    ("AT+SAVETRANSLINK", "0,0,1,0"),
    ("AT+CIPSNTPTIME", "0,1,0,0"),
    ("AT+CIPRECONNINTV", "0,1,1,0"),
    ("AT+MDNS", "0,0,1,0"),
    ("AT+PING", "0,0,1,0"),
    ("AT+UART", "0,1,1,0"),
];

/// Families that are not ours (ESP-AT command set, B.5), and what there is beside them.
const FOREIGN: &str = "BLEINIT BLEADDR BLENAME BLESCANPARAM BLESCAN BLESCANRSPDATA BLEADVPARAM \
    BLEADVDATA BLEADVDATAEX BLEADVSTART BLEADVSTARTEX BLEADVSTOP BLECONN BLECONNPARAM BLEDISCONN \
    BLEDATALEN BLECFGMTU BLEGATTSSRVCRE BLEGATTSSRVSTART BLEGATTSSRVSTOP BLEGATTSSRV BLEGATTSCHAR \
    BLEGATTSNTFY BLEGATTSIND BLEGATTSSETATTR BLEGATTCPRIMSRV BLEGATTCINCLSRV BLEGATTCCHAR \
    BLEGATTCRD BLEGATTCWR BLESPPCFG BLESPP BLESECPARAM BLEENC BLEENCRSP BLEKEYREPLY BLECONFREPLY \
    BLEENCDEV BLEENCCLEAR BLESETKEY BLEHIDINIT BLEHIDKB BLEHIDMUS BLEHIDCONSUMER BLUFI BLUFINAME \
    BLUFISEND BLEPERIODICDATA BLEPERIODICSTART BLEPERIODICSTOP BLESYNCSTART BLESYNCSTOP \
    BLEREADPHY BLESETPHY BLERDRSSI BLEWL BTINIT BTNAME BTSCANMODE BTSTARTDISC BTSPPINIT BTSPPCONN \
    BTSPPDISCONN BTSPPSTART BTSPPSEND BTA2DPINIT BTA2DPCONN BTA2DPDISCONN BTA2DPSRC BTA2DPCTRL \
    BTSECPARAM BTKEYREPLY BTPINREPLY BTSECCFM BTENCDEV BTENCCLEAR BTCOD BTPOWER MQTTUSERCFG \
    MQTTCLIENTID MQTTLONGCLIENTID MQTTUSERNAME MQTTLONGUSERNAME MQTTPASSWORD MQTTLONGPASSWORD \
    MQTTCONNCFG MQTTALPN MQTTSNI MQTTCONN MQTTPUB MQTTPUBRAW MQTTSUB MQTTUNSUB MQTTCLEAN \
    HTTPCLIENT HTTPGETSIZE HTTPCGET HTTPCPOST HTTPCPUT HTTPURLCFG HTTPCHEAD HTTPCFG WSCFG WSHEAD \
    WSOPEN WSSEND WSCLOSE WSDATAFMT FS FSMOUNT WEBSERVER CIPETHMAC CIPETH DRVADC DRVPWMINIT \
    DRVPWMDUTY DRVPWMFADE DRVI2CINIT DRVI2CRD DRVI2CWRDATA DRVI2CWRBYTES DRVSPICONFGPIO \
    DRVSPIINIT DRVSPIRD DRVSPIWR FACTPLCP USEROTA USERWKMCUCFG USERMCUSLEEP CWSTARTSMART \
    CWSTOPSMART WPS CWJEAP CWBANDMODE CWBANDWIDTH RFCAL";

fn lines() -> Vec<String> {
    Command::inventory()
        .map(|entry| {
            let mut out = heapless::Vec::<u8, 64>::new();
            at_grammar::Info::Cmd(entry).write_to(&mut out).unwrap();
            String::from_utf8(out.to_vec()).unwrap()
        })
        .collect()
}

#[test]
fn the_inventory_says_what_parses() {
    for entry in Command::inventory() {
        let name = String::from_utf8(entry.name.bytes().collect()).unwrap();
        let parses = |suffix: &str| {
            [ONE, MANY].into_iter().any(|mux| {
                // A form that exists may still miss parameters.
                parse_line(format!("{name}{suffix}").as_bytes(), mux) != Err(LineError::WrongForm)
            })
        };
        assert!(!entry.test && !parses("=?"), "{name}=?");
        assert_eq!(entry.forms.query, parses("?"), "{name}?");
        assert_eq!(entry.forms.execute, parses(""), "{name}");
        // The one form that is taken and not announced.
        assert_eq!(entry.forms.set || name == "AT+RST", parses("="), "{name}=");
        assert!(
            entry.forms.query || entry.forms.set || entry.forms.execute,
            "{name}"
        );
        assert_eq!(name, name.to_uppercase());
        assert!(name.starts_with("AT"));
    }
    let names: Vec<_> = Command::TABLE.iter().map(|row| row.name).collect();
    for (at, name) in names.iter().enumerate() {
        assert!(!names[..at].contains(name), "{name} twice");
    }
}

#[test]
fn the_inventory_has_the_documented_order_and_flags() {
    let lines = lines();
    assert_eq!(lines[0], "+CMD:0,\"AT\",0,0,0,1\r\n");
    assert_eq!(lines[3], "+CMD:3,\"AT+RST\",0,0,0,1\r\n");
    assert_eq!(lines[5], "+CMD:5,\"AT+CMD\",0,1,0,0\r\n");
    for (name, flags) in FLAGS {
        let wanted = format!("\"{name}\",{flags}\r\n");
        assert!(lines.iter().any(|line| line.ends_with(&wanted)), "{wanted}");
    }
    for (at, line) in lines.iter().enumerate() {
        assert!(line.starts_with(&format!("+CMD:{at},")), "{line}");
    }
    let documented: Vec<&str> = DOCUMENTED.split_whitespace().collect();
    let places: Vec<&str> = Command::TABLE
        .iter()
        .map(|row| row.name)
        .filter(|name| documented.contains(name))
        .collect();
    assert_eq!(places, documented);
}

#[test]
fn other_families_are_unknown_in_every_form() {
    let names: Vec<&str> = FOREIGN.split_whitespace().collect();
    assert_eq!(names.len(), 136);
    for name in names {
        for form in ["", "?", "=", "=1", "=?", "=\"x\",1"] {
            let line = format!("AT+{name}{form}");
            check(&[
                (ONE, &line, Err(0x0109_0000)),
                (MANY, &line, Err(0x0109_0000)),
            ]);
        }
    }
}
