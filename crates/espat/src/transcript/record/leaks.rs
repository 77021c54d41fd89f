//! No secret is in a recording, however host and modem take turns; and a recording stays small.

use std::time::Duration;

use super::{HELD, KEYS_KEPT, REFUSED_KEPT, Recorder, Secrets};
use crate::transcript::parse;

/// A key as hosts send it: text with line ends, so that it can look like commands.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\r\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0w\r\n\
    AT9hawIBAQQgRr4Iq0cVqGZ2SvFzXb7bJlYkUeWnq1pP\r\nAT+QhRANCAAS1kY3d0pB6bPzGm5HnL0aK\r\n\
    -----END PRIVATE KEY-----\r\n";

#[derive(Clone, Debug)]
enum Turn {
    Host(Vec<u8>),
    Modem(Vec<u8>),
}
use Turn::{Host, Modem};

fn host(bytes: impl AsRef<[u8]>) -> Turn {
    Host(bytes.as_ref().to_vec())
}

fn modem(bytes: impl AsRef<[u8]>) -> Turn {
    Modem(bytes.as_ref().to_vec())
}

fn record(turns: &[Turn]) -> String {
    let mut file = Vec::new();
    let mut recorder = Recorder::new(&mut file, Secrets::Hidden).unwrap();
    for turn in turns {
        match turn {
            Host(bytes) => recorder.sent(Duration::ZERO, bytes).unwrap(),
            Modem(bytes) => recorder.printed(Duration::ZERO, bytes).unwrap(),
        }
        assert!(recorder.from_host.len() <= HELD && recorder.from_modem.len() <= HELD);
        assert!(recorder.known.size() <= KEYS_KEPT + HELD);
        assert!(recorder.refused.len() <= REFUSED_KEPT);
    }
    recorder.finish().unwrap();
    let file = String::from_utf8(file).unwrap();
    parse(&file).unwrap_or_else(|error| panic!("{error}\n{file}"));
    file
}

/// Panics if eight bytes in a row of a secret are in the file.
#[track_caller]
fn check(file: &str, secret: &str, what: &dyn std::fmt::Debug) {
    for line in secret.lines() {
        for part in line.as_bytes().windows(8) {
            let part = std::str::from_utf8(part).unwrap();
            assert!(
                part.contains("-----") || !file.contains(part),
                "{part} after {what:?}\n{file}"
            );
        }
    }
}

/// Every way to write a key, and what the modem says before it takes it.
fn writes() -> Vec<(String, &'static str)> {
    let len = PEM.len();
    let mut all = Vec::new();
    for store in [
        "client_key",
        "server_key",
        "mqtt_key",
        "mfg_nvs",
        "own_data",
        "client\\_key",
    ] {
        all.push((format!("AT+SYSFLASH=1,\"{store}\",0,{len}\r\n"), "\r\n>"));
    }
    let password = format!("AT+MQTTLONGPASSWORD=0,{len}\r\n");
    all.push((password, "\r\nOK\r\n\r\n>"));
    for store in ["client_key", "wpa_ent_key", "own_space"] {
        for kind in [7, 8] {
            let line = format!("AT+SYSMFG=2,\"{store}\",\"{store}.0\",{kind},{len}\r\n");
            all.push((line, "\r\nOK\r\n\r\n>"));
        }
    }
    all
}

#[test]
fn a_key_is_hidden_however_it_is_cut_from_its_command() {
    for (command, prompt) in writes() {
        let all = format!("{command}{PEM}AT+GMR\r\n");
        let known = format!("{command}{PEM}");
        for first in (1..known.len())
            .step_by(3)
            .chain([command.len(), all.len()])
        {
            // The modem prompts once it has the whole command.
            let prompted = first.max(command.len());
            let turns = [
                host(&all[..first]),
                host(&all[first..prompted]),
                modem(prompt),
                host(&all[prompted..]),
                modem("\r\nOK\r\n"),
                modem("AT version:4.1.0\r\n\r\nOK\r\n"),
            ];
            let file = record(&turns);
            check(&file, PEM, &turns);
            assert!(file.contains("→ AT+GMR\n"), "{first} of {command}\n{file}");
        }
    }
}

#[test]
fn a_key_that_is_refused_is_hidden_in_commands_and_in_their_echo() {
    for (command, _) in writes() {
        for refusal in [
            "\r\nERROR\r\n",
            "\r\nbusy p...\r\n",
            "ERR CODE:0x010a0004\r\n\r\nERROR\r\n",
        ] {
            for cut in (0..PEM.len()).step_by(5) {
                let mut turns = vec![
                    host(format!("{command}{}", &PEM[..cut])),
                    modem(&command),
                    modem(refusal),
                    host(&PEM[cut..]),
                ];
                for line in PEM.split_inclusive('\n') {
                    turns.push(modem(line));
                    turns.push(modem("\r\nERROR\r\n"));
                }
                turns.push(host("AT+GMR\r\n"));
                turns.push(modem("AT+GMR\r\nAT version:4.1.0\r\n\r\nOK\r\n"));
                let file = record(&turns);
                check(&file, PEM, &turns);
                assert!(file.contains("→ AT+GMR\n"), "{cut} {refusal}\n{file}");
            }
        }
    }
}

#[test]
fn a_key_that_is_read_is_hidden_whatever_the_host_says_meanwhile() {
    let len = PEM.len();
    let reads = [
        (
            "AT+SYSFLASH=2,\"client_key\",0,256\r\n",
            format!("+SYSFLASH:{len},"),
        ),
        (
            "AT+SYSFLASH=2,\"mfg_nvs\",0,256\r\n",
            format!("+SYSFLASH:{len},"),
        ),
        (
            "AT+SYSFLASH=2,\"own\",0,256\r\n",
            format!("+SYSFLASH:{len},"),
        ),
        (
            "AT+SYSMFG=1,\"client_key\",\"client_key.0\"\r\n",
            format!("+SYSMFG:\"client_key\",\"client_key.0\",7,{len},"),
        ),
    ];
    for (command, head) in reads {
        let answer = format!("{head}{PEM}\r\nOK\r\n");
        for cut in 0..answer.len() {
            for (before, between) in [("", "AT\r\n"), ("AT+SYSFLASH=2,\"client_ca\",0,8\r\n", "x")]
            {
                let turns = [
                    host(format!("{command}{before}")),
                    modem(&answer[..cut]),
                    host(between),
                    modem(&answer[cut..]),
                    modem("\r\nOK\r\n"),
                ];
                check(&record(&turns), PEM, &turns);
            }
        }
    }
}

#[test]
fn what_a_module_shows_of_passwords_is_hidden_wherever_the_host_interrupts() {
    let secret = "correct-horse-battery";
    for answer in [
        format!("+CWSAP:\"net\",\"{secret}\",5,3,10,0\r\n\r\nOK\r\n"),
        format!("+CIPSSLCPSK:0,\"{secret}\",\"hint\"\r\n\r\nOK\r\n"),
        format!("+CIPSSLCPSKHEX:0,\"{secret}\",\"hint\"\r\n\r\nOK\r\n"),
        format!("AT+CWJAP=\"net\",\"{secret}\"\r\n\r\nERROR\r\n"),
    ] {
        for cut in 0..answer.len() {
            let turns = [modem(&answer[..cut]), host("AT\r\n"), modem(&answer[cut..])];
            check(&record(&turns), secret, &turns);
        }
    }
}

#[test]
fn a_password_is_hidden_behind_junk_and_in_what_seems_to_be_data() {
    let secret = "correct-horse-battery";
    for (command, is_data) in [
        (format!("AT+CWJAP=\"net\",\"{secret}\"\r\n"), true),
        (format!("AT+CWSAP=\"net\",\"{secret}\",5,3\r\n"), true),
        (format!("AT+CWSAP_CUR=\"net\",\"{secret}\",5,3\r\n"), true),
        (format!("AT+CIPSSLCPSK=0,\"{secret}\",\"hint\"\r\n"), true),
        (
            format!("AT+CWJEAP=\"net\",1,\"user\",\"{secret}\",\"\",1\r\n"),
            true,
        ),
        (
            format!("AT+CWJEAP_DEF=\"net\",1,\"\",\"user\",\"{secret}\",1\r\n"),
            true,
        ),
        (
            format!("AT+MQTTUSERCFG=0,1,\"id\",\"user\",\"{secret}\",0,0,\"\"\r\n"),
            true,
        ),
        (format!("AT+MQTTPASSWORD=0,\"{secret}\"\r\n"), true),
        (
            format!("\0x+\u{e9} AT+CWJAP=\"net\",\"{secret}\"\r\n"),
            false,
        ),
    ] {
        for cut in 0..command.len() {
            let mut turns = vec![
                host(&command.as_bytes()[..cut]),
                host(&command.as_bytes()[cut..]),
            ];
            turns.insert(1, modem("CLOSED\r\n"));
            turns.push(modem("\r\nERROR\r\n"));
            check(&record(&turns), secret, &turns);
            if is_data {
                // The connection ended, and with it data mode; the recorder does not know.
                for begin in ["AT+CIPSEND\r\n", "AT+CIPSEND=0,4000\r\n"] {
                    let mut data = vec![host(begin), modem("\r\nOK\r\n\r\n>"), modem("CLOSED\r\n")];
                    data.extend(turns.clone());
                    check(&record(&data), secret, &data);
                }
            }
        }
    }
}

#[test]
fn a_whole_partition_with_keys_is_read_and_written_without_a_byte_of_it() {
    let size = 0x1_c000;
    let image: String = PEM.chars().cycle().take(size).collect();
    let turns = [
        host(format!("AT+SYSFLASH=2,\"mfg_nvs\",0,{size}\r\n")),
        modem(format!("+SYSFLASH:{size},{}", &image[..5])),
        modem(&image[5..]),
        modem("\r\nOK\r\n"),
        host(format!(
            "AT+SYSFLASH=1,\"mfg_nvs\",0,{size}\r\n{}",
            &image[..2000]
        )),
        modem("\r\n>"),
        host(&image[2000..]),
        modem("\r\nOK\r\n"),
        host("AT\r\n"),
        modem("\r\nOK\r\n"),
    ];
    let file = record(&turns);
    check(&file, PEM, &());
    assert!(
        file.contains(&format!("←| +SYSFLASH:{size},{{any {size}}}\n")),
        "{file}"
    );
    assert!(file.ends_with("→ AT\n← OK\n"), "{file}");
}

#[test]
fn bytes_without_a_line_end_are_held_up_to_a_bound() {
    let zeros = vec![0; 64 * 1024];
    let mut turns = vec![host("AT+CIPSEND\r\n"), modem("\r\nOK\r\n\r\n>")];
    turns.extend(std::iter::repeat_n(modem(&zeros), 64));
    turns.extend(std::iter::repeat_n(host(&zeros), 64));
    record(&turns);
    let turns: Vec<_> = std::iter::repeat_n(host(&zeros), 64).collect();
    record(&turns);
    // A key of four gigabytes is refused, and what follows is no command.
    let mut turns = vec![
        host("AT+SYSFLASH=1,\"x_key\",0,4000000000\r\n"),
        modem("\r\nERROR\r\n"),
    ];
    turns.extend((0..200_u32).map(|number| host(number.to_le_bytes().repeat(2000))));
    record(&turns);
}
