//! One line, one answer: every command on a fresh module, and what the line itself may look like.

use at_grammar::{Command, Visibility};

use crate::support::{Bench, Setup, text};

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";

/// What the classic module lists (spec: at-commands B.2).
const PARTITIONS: &str = concat!(
    "+SYSFLASH:\"ble_data\",64,1,0x21000,0x3000\r\n",
    "+SYSFLASH:\"server_cert\",64,2,0x24000,0x2000\r\n",
    "+SYSFLASH:\"server_key\",64,3,0x26000,0x2000\r\n",
    "+SYSFLASH:\"server_ca\",64,4,0x28000,0x2000\r\n",
    "+SYSFLASH:\"client_cert\",64,5,0x2a000,0x2000\r\n",
    "+SYSFLASH:\"client_key\",64,6,0x2c000,0x2000\r\n",
    "+SYSFLASH:\"client_ca\",64,7,0x2e000,0x2000\r\n",
    "+SYSFLASH:\"factory_param\",64,8,0x30000,0x1000\r\n",
    "+SYSFLASH:\"wpa2_cert\",64,9,0x31000,0x2000\r\n",
    "+SYSFLASH:\"wpa2_key\",64,10,0x33000,0x2000\r\n",
    "+SYSFLASH:\"wpa2_ca\",64,11,0x35000,0x2000\r\n",
    "+SYSFLASH:\"mqtt_cert\",64,12,0x37000,0x2000\r\n",
    "+SYSFLASH:\"mqtt_key\",64,13,0x39000,0x2000\r\n",
    "+SYSFLASH:\"mqtt_ca\",64,14,0x3b000,0x2000\r\n",
    "+SYSFLASH:\"fatfs\",1,129,0x70000,0x90000\r\n",
    "\r\nOK\r\n",
);

/// Said one after the other to a module that nobody configured.
const FRESH: &[(&str, &str)] = &[
    ("AT", OK),
    ("AT+SYSFLASH?", PARTITIONS),
    ("AT+SYSTIMESTAMP?", "+SYSTIMESTAMP:0\r\n\r\nOK\r\n"),
    (
        "AT+CIPSNTPTIME?",
        "+CIPSNTPTIME:Thu Jan  1 00:00:00 1970\r\nOK\r\n",
    ),
    ("AT+SYSTIMESTAMP=1565853509", OK),
    ("AT+SYSTIMESTAMP?", "+SYSTIMESTAMP:1565853509\r\n\r\nOK\r\n"),
    (
        "AT+CIPSNTPTIME?",
        "+CIPSNTPTIME:Thu Aug 15 07:18:29 2019\r\nOK\r\n",
    ),
    ("AT+SYSMSG?", "+SYSMSG:0\r\n\r\nOK\r\n"),
    ("AT+SYSMSG=7", OK),
    ("AT+SYSMSG?", "+SYSMSG:7\r\n\r\nOK\r\n"),
    ("AT+SYSMSG=8", ERROR),
    ("AT+SYSLOG?", "+SYSLOG:0\r\n\r\nOK\r\n"),
    ("AT+SYSSTORE?", "+SYSSTORE:1\r\n\r\nOK\r\n"),
    ("AT+SYSSTORE=0", OK),
    ("AT+SYSSTORE?", "+SYSSTORE:0\r\n\r\nOK\r\n"),
    ("AT+CWMODE?", "+CWMODE:0\r\n\r\nOK\r\n"),
    ("AT+CWMODE=4", ERROR),
    ("AT+CWSTATE?", "+CWSTATE:0,\"\"\r\n\r\nOK\r\n"),
    ("AT+CWJAP?", "No AP\r\n\r\nOK\r\n"),
    ("AT+CWJAP", ERROR),
    ("AT+CWJAP=\"iot\",\"\"", ERROR),
    ("AT+CWLAP", ERROR),
    ("AT+CWLAP=\"iot\"", ERROR),
    ("AT+CWQAP", OK),
    ("AT+CWAUTOCONN?", "+CWAUTOCONN:1\r\n\r\nOK\r\n"),
    ("AT+CIFSR", OK),
    ("AT+CIPSTATUS", "STATUS:0\r\n\r\nOK\r\n"),
    ("AT+CIPSTATE?", OK),
    ("AT+CWMODE=1", OK),
    ("AT+CWMODE?", "+CWMODE:1\r\n\r\nOK\r\n"),
    ("AT+CIPSTATUS", "STATUS:1\r\n\r\nOK\r\n"),
    ("AT+CWJAP", ERROR),
    (
        "AT+CIFSR",
        "+CIFSR:STAIP,\"0.0.0.0\"\r\n+CIFSR:STAMAC,\"02:00:00:ab:cd:ef\"\r\n\r\nOK\r\n",
    ),
    (
        "AT+CIPSTA?",
        "+CIPSTA:ip:\"0.0.0.0\"\r\n+CIPSTA:gateway:\"0.0.0.0\"\r\n+CIPSTA:netmask:\"0.0.0.0\"\r\n\r\nOK\r\n",
    ),
    (
        "AT+CIPDOMAIN=\"192.168.3.1\"",
        "+CIPDOMAIN:\"192.168.3.1\"\r\n\r\nOK\r\n",
    ),
    ("AT+CIPDOMAIN=\"example.com\"", ERROR),
    ("AT+CIPSTART=\"TCP\",\"192.168.3.102\",8080", ERROR),
    ("AT+CIPSTART=\"UDP\",\"192.168.3.102\",8080", ERROR),
    ("AT+CIPSTART=\"TCP\",\"192.168.3.102\",0", ERROR),
    ("AT+CIPSTART=0,\"TCP\",\"192.168.3.102\",8080", ERROR),
    ("AT+CIPCLOSE", ERROR),
    ("AT+CIPCLOSE=0", ERROR),
    ("AT+CIPSEND=4", ERROR),
    ("AT+CIPSEND", ERROR),
    ("AT+CIPDINFO?", "+CIPDINFO:false\r\n\r\nOK\r\n"),
    ("AT+CIPDINFO=1", OK),
    ("AT+CIPDINFO?", "+CIPDINFO:true\r\n\r\nOK\r\n"),
    ("AT+CIPMUX?", "+CIPMUX:0\r\n\r\nOK\r\n"),
    ("AT+CIPMUX=0", OK),
    ("AT+CIPMUX=1", OK),
    ("AT+CIPMUX=0", OK),
    ("AT+CIPRECVMODE?", "+CIPRECVMODE:0\r\n\r\nOK\r\n"),
    ("AT+CIPRECVMODE=0", OK),
    ("AT+CIPRECVMODE=1", OK),
    ("AT+CIPRECVMODE=0", OK),
    ("AT+CIPSSLCCONF=2,0,3", OK),
    (
        "AT+CIPSSLCCONF?",
        "+CIPSSLCCONF:0,2,0,3\r\n+CIPSSLCCONF:1,2,0,3\r\n+CIPSSLCCONF:2,2,0,3\r\n+CIPSSLCCONF:3,2,0,3\r\n+CIPSSLCCONF:4,2,0,3\r\n\r\nOK\r\n",
    ),
    ("AT+CIPSSLCCONF=4,0,0", ERROR),
    ("AT+CIPSSLCCN=\"a.example\"", OK),
    (
        "AT+CIPSSLCCN?",
        "+CIPSSLCCN:0,\"a.example\"\r\n+CIPSSLCCN:1,\"\"\r\n+CIPSSLCCN:2,\"\"\r\n+CIPSSLCCN:3,\"\"\r\n+CIPSSLCCN:4,\"\"\r\n\r\nOK\r\n",
    ),
    ("AT+CIPSSLCSNI=\"b.example\"", OK),
    (
        "AT+CIPSSLCSNI?",
        "+CIPSSLCSNI:0,\"b.example\"\r\n+CIPSSLCSNI:1,\"\"\r\n+CIPSSLCSNI:2,\"\"\r\n+CIPSSLCSNI:3,\"\"\r\n+CIPSSLCSNI:4,\"\"\r\n\r\nOK\r\n",
    ),
    ("AT+CIPSSLCALPN=2,\"h2\",\"http/1.1\"", OK),
    ("AT+CIPSNTPINTV?", "+CIPSNTPINTV:3600\r\n\r\nOK\r\n"),
    ("AT+CIPSNTPINTV=14", ERROR),
    ("AT+CIPSNTPINTV=15", OK),
    ("AT+CIPSNTPINTV?", "+CIPSNTPINTV:15\r\n\r\nOK\r\n"),
    (
        "AT+CIPSNTPCFG=1,8,\"cn.ntp.org.cn\",\"ntp.sjtu.edu.cn\"",
        OK,
    ),
    (
        "AT+CIPSNTPCFG?",
        "+CIPSNTPCFG:1,8,\"cn.ntp.org.cn\",\"ntp.sjtu.edu.cn\"\r\n\r\nOK\r\n",
    ),
    ("AT+CIPSNTPCFG=1,015", OK),
    (
        "AT+CIPSNTPCFG?",
        "+CIPSNTPCFG:1,0,\"cn.ntp.org.cn\",\"ntp.sjtu.edu.cn\",\"us.pool.ntp.org\"\r\n\r\nOK\r\n",
    ),
    ("AT+CIPSNTPCFG=1,15", OK),
    ("AT+CIPSNTPCFG=1,60", ERROR),
    ("AT+UART_CUR?", "+UART_CUR:115200,8,1,0,0\r\n\r\nOK\r\n"),
    ("AT+UART_DEF?", "+UART_DEF:115200,8,1,0,0\r\n\r\nOK\r\n"),
    ("AT+RST=1", ERROR),
];

/// Lines that are no command, and the word that says so.
const REFUSED: &[(&str, &str)] = &[
    ("AT+FAKE", "01090000"),
    ("ATE2", "01090000"),
    ("ATE", "01090000"),
    ("?", "01030000"),
    (" AT", "01030000"),
    ("AT+CWMODE=?", "010c0000"),
    ("AT+GMR?", "010c0000"),
    ("AT+CWMODE", "010c0000"),
    ("AT+CWMODE=\"1\"", "01050000"),
    ("AT+CWMODE=1,2", "01070001"),
    ("AT+CWMODE=4", "01070000"),
    ("AT+CWJAP=\"iot", "01080000"),
    ("AT+CIPSTART=\"TCP\",\"a\",65536", "01070002"),
    ("AT+CIPSEND=8193", "01070000"),
    ("AT+CIPSEND=0", "01070000"),
    ("AT+CWLAP", "010a0000"),
    ("AT+SYSFLASH=0,\"nowhere\"", "010a0000"),
    ("AT+SYSFLASH=0,\"fatfs\"", "010a0000"),
    ("AT+SYSFLASH=2,\"client_ca\",8192,1", "010a0001"),
];

#[test]
fn versions_have_the_form_that_hosts_read() {
    let mut bench = Bench::new();
    let heard = bench.line("AT+GMR");
    let lines: Vec<&str> = heard.split("\\r\\n").collect();
    let [at, sdk, compiled, bin, "", "OK", ""] = lines[..] else {
        panic!("{heard}");
    };
    let build = at.strip_prefix("AT version:2.4.2.0(").unwrap();
    let parts: Vec<&str> = build.strip_suffix(')').unwrap().split(" - ").collect();
    let [commit, "ESP32", date] = parts[..] else {
        panic!("{at}");
    };
    // Mmm dd yyyy hh:mm:ss, the day padded with a blank.
    let shape: String = date
        .chars()
        .map(|letter| match letter {
            '0'..='9' => '9',
            'a'..='z' | 'A'..='Z' => 'A',
            other => other,
        })
        .collect();
    assert!(
        ["AAA 99 9999 99:99:99", "AAA  9 9999 99:99:99"].contains(&&*shape),
        "{date}"
    );
    assert_eq!(compiled, format!("compile time({commit}):{date}"));
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(sdk, "SDK version:bench 1.2");
    assert_eq!(bin, format!("Bin version:{version}(WROOM-32)"));
}

#[test]
fn every_command_answers_as_documented() {
    let mut bench = Bench::new();
    for (line, reply) in FRESH {
        bench.expect(line, reply);
    }
}

#[test]
fn a_joined_module_answers_as_documented() {
    let mut bench = Bench::joined();
    for (line, reply) in [
        (
            "AT+CWJAP?",
            "+CWJAP:\"iot\",\"02:00:00:00:00:01\",6,-40,0,1,3,0,1\r\n\r\nOK\r\n",
        ),
        ("AT+CWSTATE?", "+CWSTATE:2,\"iot\"\r\n\r\nOK\r\n"),
        ("AT+CIPSTATUS", "STATUS:2\r\n\r\nOK\r\n"),
        (
            "AT+CIFSR",
            "+CIFSR:STAIP,\"192.168.3.112\"\r\n+CIFSR:STAMAC,\"02:00:00:ab:cd:ef\"\r\n\r\nOK\r\n",
        ),
        (
            "AT+CIPSTA?",
            "+CIPSTA:ip:\"192.168.3.112\"\r\n+CIPSTA:gateway:\"192.168.3.1\"\r\n+CIPSTA:netmask:\"255.255.255.0\"\r\n\r\nOK\r\n",
        ),
        ("AT+CWMODE=1", OK),
        ("AT+CIPSTATUS", "STATUS:2\r\n\r\nOK\r\n"),
        ("AT+SSLWHY?", OK),
    ] {
        bench.expect(line, reply);
    }
}

#[test]
fn the_inventory_lists_every_command_once_and_each_listed_form_exists() {
    let mut bench = Bench::new();
    // Some queries need a role.
    bench.expect("AT+CWMODE=3", OK);
    let reply = String::from_utf8(bench.say("AT+CMD?\r\n")).unwrap();
    let lines: Vec<&str> = reply.strip_suffix("\r\nOK\r\n").unwrap().lines().collect();
    let listed = Command::TABLE
        .iter()
        .filter(|row| row.visibility == Visibility::Listed);
    assert_eq!(lines.len(), listed.count());
    assert_eq!(lines[0], "+CMD:0,\"AT\",0,0,0,1");
    assert_eq!(lines[3], "+CMD:3,\"AT+RST\",0,0,0,1");
    for (index, line) in lines.iter().enumerate() {
        let fields: Vec<&str> = line.split(',').collect();
        let [number, name, test, query, set, execute] = fields[..] else {
            panic!("{line}");
        };
        assert_eq!(number, format!("+CMD:{index}"));
        assert_eq!(test, "0");
        assert!([query, set, execute].contains(&"1"), "{line}");
        let name = name.trim_matches('"');
        if query == "1" {
            let reply = bench.line(format!("{name}?"));
            assert!(reply.ends_with(&text(OK.as_bytes())), "{name}: {reply}");
        }
        // A form that is not announced does not exist.
        for (form, announced) in [("?", query), ("", execute)] {
            if announced == "0" {
                bench.expect("AT+SYSLOG=1", OK);
                let reply = bench.line(format!("{name}{form}"));
                let expected = "ERR CODE:0x010c0000\r\n\r\nERROR\r\n";
                assert_eq!(reply, text(expected.as_bytes()), "{name}{form}");
                bench.expect("AT+SYSLOG=0", OK);
            }
        }
    }
}

#[test]
fn a_refused_line_says_error_and_with_syslog_its_word() {
    let mut bench = Bench::new();
    for (line, word) in REFUSED {
        bench.expect(line, ERROR);
        bench.expect("AT+SYSLOG=1", OK);
        bench.expect(line, format!("ERR CODE:0x{word}\r\n\r\nERROR\r\n"));
        bench.expect("AT+SYSLOG=0", OK);
    }
    bench.alive();
}

#[test]
fn a_line_of_256_bytes_is_read_and_a_longer_one_refused_whole() {
    let mut bench = Bench::new();
    bench.expect("AT+SYSLOG=1", OK);
    for length in [250, 256, 257, 258, 259, 2048, 5000] {
        // A name nobody has: the word in the answer shows whether the line was read.
        let mut line = b"AT+".to_vec();
        line.resize(length, b'X');
        let word = if length <= 256 {
            "01090000"
        } else {
            "01020000"
        };
        bench.expect(&line, format!("ERR CODE:0x{word}\r\n\r\nERROR\r\n"));
    }
    bench.alive();
}

#[test]
fn echo_copies_whole_lines_until_it_is_switched_off() {
    let mut bench = Setup::new().boot();
    bench.hear("\r\nready\r\n");
    bench.expect("AT", "AT\r\n\r\nOK\r\n");
    // Half a line is not echoed: nothing may come between its halves.
    assert_eq!(bench.say("AT+CW"), b"");
    assert_eq!(
        text(&bench.say("MODE?\n")),
        text(b"AT+CWMODE?\n+CWMODE:0\r\n\r\nOK\r\n")
    );
    bench.expect("nonsense", "nonsense\r\n\r\nERROR\r\n");
    bench.expect("", "");
    bench.expect("ATE0", "ATE0\r\n\r\nOK\r\n");
    bench.expect("AT", OK);
    bench.expect("ATE1", OK);
    bench.expect("AT", "AT\r\n\r\nOK\r\n");
    // Payload is not echoed.
    bench.expect(
        "AT+SYSFLASH=1,\"ble_data\",0,4",
        "AT+SYSFLASH=1,\"ble_data\",0,4\r\n\r\n>",
    );
    assert_eq!(bench.say("abcd"), OK.as_bytes());
    // A restart brings it back.
    bench.expect("ATE0", "ATE0\r\n\r\nOK\r\n");
    bench.expect("AT+RST", "\r\nOK\r\n\r\nready\r\n");
    bench.expect("AT", "AT\r\n\r\nOK\r\n");
}

#[test]
fn lines_end_with_lf_and_names_are_read_in_any_case() {
    let mut bench = Bench::new();
    for line in ["AT\r\n", "AT\n", "at\r\n", "At\n", "aT\r\r\n"] {
        assert_eq!(bench.say(line), OK.as_bytes(), "{line:?}");
    }
    for line in ["at+cwmode?\r\n", "At+CwMode?\n"] {
        assert_eq!(bench.say(line), b"+CWMODE:0\r\n\r\nOK\r\n", "{line:?}");
    }
    // A lone CR ends nothing, and nothing is no command.
    for line in ["\r\n", "\n", "\r", "\r\n\r\n\n"] {
        assert_eq!(bench.say(line), b"", "{line:?}");
    }
    assert_eq!(bench.say("AT\rAT\r\n"), ERROR.as_bytes());
    bench.alive();
}

#[test]
fn the_documented_error_prompt_transcript() {
    let mut bench = Bench::new();
    bench.expect("AT+SYSLOG=1", OK);
    bench.expect("AT+FAKE", "ERR CODE:0x01090000\r\n\r\nERROR\r\n");
    bench.expect("AT+SYSLOG=0", OK);
    bench.expect("AT+FAKE", ERROR);
}
