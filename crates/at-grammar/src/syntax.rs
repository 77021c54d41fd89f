//! What stands behind `=` in each set form, for people: hints of a terminal, pages of documentation.
//!
//! ```text
//! hint  := part { part }
//! part  := parameter | "[" hint "]"        in brackets: may be left out
//!        | "…"                             the brackets before it, again
//! ```
//!
//! `[<id>,]` in front is the link number, which is there if and only if `AT+CIPMUX=1`. A hint names and counts; ranges are
//! in the specification (ESP-AT command set, B). Nothing a modem does reads this: firmware does not contain it.

/// Name of each command with a set form, and its parameters; a line for each way to use it.
const HINTS: &[(&str, &[&str])] = &[
    ("AT+RST", &["<mode>"]),
    ("AT+GSLP", &["<ms>"]),
    ("AT+SYSTIMESTAMP", &["<unix seconds>"]),
    ("AT+SLEEP", &["<mode>"]),
    ("AT+SYSRAM", &["<caps>"]),
    (
        "AT+SYSFLASH",
        &[r#"<0|1|2>,"<partition>"[,<offset>,<length>]"#],
    ),
    (
        "AT+SYSMFG",
        &[
            r#"0,"<namespace>"[,"<key>"]"#,
            r#"1[,"<namespace>"[,"<key>"[,<offset>,<length>]]]"#,
            r#"2,"<namespace>","<key>",<type>,<value or length>"#,
        ],
    ),
    (
        "AT+RFPOWER",
        &["<wifi>[,<ble adv>[,<ble scan>[,<ble conn>]]]"],
    ),
    ("AT+SYSMSG", &["<bits>"]),
    ("AT+SYSMSGFILTER", &["<0|1>"]),
    (
        "AT+SYSMSGFILTERCFG",
        &[
            "0",
            "1,<head length>,<tail length>[,<cflags>]",
            "2,<head length>,<tail length>[,<cflags>]",
        ],
    ),
    ("AT+SYSLOG", &["<0|1>"]),
    ("AT+SYSSTORE", &["<0|1>"]),
    ("AT+SLEEPWKCFG", &["0,<ms>", "2,<gpio>,<level>"]),
    ("AT+SYSREG", &["0,<address>", "1,<address>,<value>"]),
    (
        "AT+USERRAM",
        &["<0|4>", "1,<size>", "<2|3>,<size>[,<offset>]"],
    ),
    ("AT+CWINIT", &["<0|1>"]),
    ("AT+CWMODE", &["<mode>[,<auto connect>]"]),
    (
        "AT+CWJAP",
        &[
            r#""<ssid>"[,"<password>"[,"<bssid>"[,<pci_en>[,<reconnect interval>[,<listen interval>[,<scan mode>[,<timeout>[,<pmf>]]]]]]]]"#,
        ],
    ),
    ("AT+CWRECONNCFG", &["<interval>,<count>[,<reconnect now>]"]),
    (
        "AT+CWLAP",
        &[r#""<ssid>"[,"<mac>"[,<channel>[,<scan type>[,<min ms>[,<max ms>]]]]]"#],
    ),
    (
        "AT+CWLAPOPT",
        &["<sort>,<print mask>[,<rssi filter>[,<authmode mask>]]"],
    ),
    (
        "AT+CWSAP",
        &[r#""<ssid>","<password>",<channel>,<ecn>[,<max stations>[,<hidden>]]"#],
    ),
    ("AT+CWQIF", &[r#""<mac>""#]),
    ("AT+CWDHCP", &["<0|1>,<interfaces>"]),
    (
        "AT+CWDHCPS",
        &["0", r#"1,<lease minutes>,"<start>","<end>""#],
    ),
    ("AT+CWSTAPROTO", &["<bits>"]),
    ("AT+CWAPPROTO", &["<bits>"]),
    ("AT+CWAUTOCONN", &["<0|1>"]),
    ("AT+CWHOSTNAME", &[r#""<name>""#]),
    (
        "AT+CWCOUNTRY",
        &[r#"<policy>,"<code>",<start channel>,<count>"#],
    ),
    (
        "AT+CWCONFIG",
        &["<ap inactive>[,<station inactive>[,<listen interval>]]"],
    ),
    ("AT+CIPSTAMAC", &[r#""<mac>""#]),
    ("AT+CIPAPMAC", &[r#""<mac>""#]),
    ("AT+CIPSTA", &[r#""<ip>"[,"<gateway>","<netmask>"]"#]),
    ("AT+CIPAP", &[r#""<ip>"[,"<gateway>","<netmask>"]"#]),
    ("AT+CIPV6", &["<0|1>"]),
    (
        "AT+CIPDNS",
        &[r#"<enable>[,"<dns1>"[,"<dns2>"[,"<dns3>"]]]"#],
    ),
    (
        "AT+CIPDOMAIN",
        &[r#""<name>"[,<ip network>[,<timeout>[,<show all>]]]"#],
    ),
    (
        "AT+CIPSTART",
        &[
            r#"[<id>,]"<TCP|SSL>","<host>",<port>[,<keep alive>[,"<local ip>"[,<timeout>]]]"#,
            r#"[<id>,]"UDP","<host>",<port>[,<local port>[,<mode>[,"<local ip>"[,<timeout>]]]]"#,
        ],
    ),
    (
        "AT+CIPSTARTEX",
        &[
            r#""<TCP|SSL>","<host>",<port>[,<keep alive>[,"<local ip>"[,<timeout>]]]"#,
            r#""UDP","<host>",<port>[,<local port>[,<mode>[,"<local ip>"[,<timeout>]]]]"#,
        ],
    ),
    (
        "AT+CIPTCPOPT",
        &["[<id>,][<so_linger>][,[<tcp_nodelay>][,[<so_sndtimeo>][,<keep alive>]]]"],
    ),
    ("AT+CIPCLOSE", &["<id>"]),
    ("AT+CIPSEND", &[r#"[<id>,]<length>[,"<host>",<port>]"#]),
    ("AT+CIPSENDL", &[r#"[<id>,]<length>[,"<host>",<port>]"#]),
    ("AT+CIPSENDLCFG", &["<report size>[,<transmit size>]"]),
    ("AT+CIPSENDEX", &[r#"[<id>,]<length>[,"<host>",<port>]"#]),
    ("AT+CIPCONNPERSIST", &["[<id>,]<0|1>"]),
    ("AT+CIPDINFO", &["<0|1>"]),
    ("AT+CIPMUX", &["<0|1>"]),
    ("AT+CIPRECVMODE", &["<0|1>"]),
    ("AT+CIPRECVTYPE", &["[<id>,]<mode>[,<length report>]"]),
    ("AT+CIPRECVDATA", &["[<id>,]<length>[,<keep integrity>]"]),
    (
        "AT+CIPSERVER",
        &[
            "0[,<close all>]",
            r#"1[,<port>[,"<TCP|SSL>"[,<ca enable>[,<netif>]]]]"#,
        ],
    ),
    ("AT+CIPSERVERMAXCONN", &["<number>"]),
    (
        "AT+CIPSSLCCONF",
        &["[<id>,]<auth mode>[,<pki number>[,<ca number>]]"],
    ),
    ("AT+CIPSSLCCN", &[r#"[<id>,]"<name>""#]),
    ("AT+CIPSSLCSNI", &[r#"[<id>,]"<name>""#]),
    ("AT+CIPSSLCALPN", &[r#"[<id>,]<count>[,"<protocol>"]…"#]),
    ("AT+CIPSSLCCIPHER", &["[<id>,]<count>[,<suite>]…"]),
    ("AT+CIPSSLCPSK", &[r#"[<id>,]"<key>","<identity>""#]),
    (
        "AT+CIPSSLCPSKHEX",
        &[r#"[<id>,]"<key in hex>","<identity>""#],
    ),
    ("AT+CIPMODE", &["<0|1>"]),
    ("AT+CIPSTO", &["<seconds>"]),
    (
        "AT+SAVETRANSLINK",
        &[
            "0",
            r#"1,"<host>",<port>[,"<TCP|SSL>"[,<keep alive>]]"#,
            r#"1,"<host>",<port>,"UDP"[,<local port>]"#,
        ],
    ),
    ("AT+TRANSINTVL", &["<ms>"]),
    (
        "AT+CIPSNTPCFG",
        &[r#"<enable>[,<timezone>[,"<server1>"[,"<server2>"[,"<server3>"]]]]"#],
    ),
    ("AT+CIPSNTPINTV", &["<seconds>"]),
    ("AT+CIPRECONNINTV", &["<tenths of a second>"]),
    (
        "AT+MDNS",
        &[
            "0",
            r#"1,"<host>","<service>",<port>[,"<instance>"[,"<protocol>"[,<count>[,"<key>","<value>"]…]]]"#,
        ],
    ),
    ("AT+PING", &[r#""<host>""#]),
    (
        "AT+CIUPDATE",
        &[r#"<mode>[,"<version>"[,"<firmware>"[,<nonblocking>]]]"#],
    ),
    (
        "AT+UART",
        &["<baud>,<data bits>,<stop bits>,<parity>,<flow control>"],
    ),
    (
        "AT+UART_CUR",
        &["<baud>,<data bits>,<stop bits>,<parity>,<flow control>"],
    ),
    (
        "AT+UART_DEF",
        &["<baud>,<data bits>,<stop bits>,<parity>,<flow control>"],
    ),
    ("AT+CIPSSLSIZE", &["<bytes>"]),
    ("AT+SSLPOLICY", &["<0|1>"]),
    ("AT+SSLVERSION", &["[<id>,]<min>,<max>"]),
    ("AT+SSLRESUME", &["<0|1>"]),
    ("AT+SSLPROBE", &[r#""<host>",<port>"#]),
];

/// The parameters of a command's set form, a line for each way to use it: `"<host>",<port>`. `name` has its `AT`, in
/// capitals. Empty where there is no set form.
///
/// ```
/// assert_eq!(at_grammar::parameters("AT+SSLPROBE"), [r#""<host>",<port>"#]);
/// assert!(at_grammar::parameters("AT+GMR").is_empty());
/// ```
#[must_use]
pub fn parameters(name: &str) -> &'static [&'static str] {
    HINTS
        .iter()
        .find(|(command, _)| *command == name)
        .map_or(&[], |(_, hints)| hints)
}
