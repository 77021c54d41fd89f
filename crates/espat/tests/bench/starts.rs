//! How it starts and ends, and what the command line sets.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::sim::{Sim, TIMEOUT};

#[test]
fn a_signal_is_a_normal_end_and_takes_the_link_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("modem");
    for signal in [Signal::TERM, Signal::INT] {
        let mut sim = Sim::start(&["--pty", link.to_str().expect("UTF-8")]);
        assert!(std::fs::symlink_metadata(&link).is_ok());
        kill_process(Pid::from_child(&sim.child), signal).expect("it runs");
        assert_eq!(sim.ended(), Some(0));
        assert!(std::fs::symlink_metadata(&link).is_err());
    }
}

#[test]
fn a_simulator_ends_with_the_program_that_started_it() {
    let sim = env!("CARGO_BIN_EXE_espat");
    // The shell says who its child is, and ends when its input does.
    let script = format!("'{sim}' sim --exit-with-parent --listen 127.0.0.1:0 & echo $!; read _");
    let mut shell = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let mut out = BufReader::new(shell.stdout.take().expect("piped"));
    out.read_line(&mut line).expect("a line");
    let pid: i32 = line.trim().parse().expect("a number");
    // It has asked for the signal before it listens.
    let mut announced = String::new();
    let mut notes = BufReader::new(shell.stderr.take().expect("piped"));
    notes.read_line(&mut announced).expect("a line");
    assert!(announced.starts_with("listening on "), "{announced}");
    let process = PathBuf::from(format!("/proc/{pid}/cmdline"));
    let runs = |wanted: bool| {
        let begin = Instant::now();
        let is_sim = || {
            let command = std::fs::read_to_string(&process).unwrap_or_default();
            command.contains("--exit-with-parent") && !command.starts_with("sh")
        };
        while is_sim() != wanted {
            assert!(begin.elapsed() < TIMEOUT, "{wanted}");
            std::thread::yield_now();
        }
    };
    runs(true);
    drop(shell.stdin.take());
    shell.wait().expect("it ends");
    runs(false);
}

#[test]
fn a_restart_takes_its_time_and_loses_what_is_sent_meanwhile() {
    let (_sim, mut host, _) = Sim::over_tcp(&["--boot-ms", "400"]);
    let begin = Instant::now();
    host.ask("AT+RST");
    host.send("AT+NONSENSE\r\n");
    assert_eq!(host.until("ready\r\n"), "\r\nready\r\n");
    assert!(begin.elapsed() >= Duration::from_millis(400));
    // Echo is on again, and nothing of the lost line comes.
    assert_eq!(host.ask("AT"), "AT\r\n\r\nOK\r\n");
}

#[test]
fn certificates_are_in_flash_from_the_start() {
    let ca = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../cert-bin/tests/data/pki/inputs/ca_p256.crt.der");
    let given = format!("client_ca={}", ca.display());
    for layout in ["partitions", "mfg-nvs"] {
        let (_sim, mut host, _) = Sim::over_tcp(&["--layout", layout, "--pki", &given]);
        let listed = host.ask("AT+PKI?");
        assert!(
            listed.contains("+PKI:\"client_ca\",0,"),
            "{layout}: {listed}"
        );
    }
}

#[test]
fn a_module_has_the_addresses_that_it_is_given() {
    let (_sim, mut host, _) =
        Sim::over_tcp(&["--mac", "24:0A:c4:00:01:02", "--address", "10.1.2.34"]);
    host.join();
    let mac = host.ok("AT+CIPSTAMAC?");
    assert!(mac.starts_with("+CIPSTAMAC:\"24:0a:c4:00:01:02\""), "{mac}");
    let address = host.ok("AT+CIPSTA?");
    for line in [
        "ip:\"10.1.2.34\"",
        "gateway:\"10.1.2.1\"",
        "netmask:\"255.255.255.0\"",
    ] {
        assert!(address.contains(line), "{address}");
    }
    // That of the soft-AP is the next one.
    assert!(host.ok("AT+CIPAPMAC?").contains("\"24:0a:c4:00:01:03\""));
}

#[test]
fn a_target_may_be_a_name_and_is_said_with_its_address() {
    let peer = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = peer.local_addr().expect("bound").port();
    let map = format!("broker.local:8883=localhost:{port}");
    let mut child = Command::new(env!("CARGO_BIN_EXE_espat"))
        .args(["sim", "--listen", "127.0.0.1:0", "--map", &map])
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let mut line = || lines.next().expect("a line").expect("text");
    let said = format!("map broker.local:8883 is localhost:{port} (127.0.0.1:{port})");
    assert_eq!(line(), said);
    assert!(line().starts_with("listening on 127.0.0.1:"));
    let _ = child.kill();
    let _ = child.wait();
    let refused = Command::new(env!("CARGO_BIN_EXE_espat"))
        .args(["sim", "--map", "a:1=nowhere.invalid:1"])
        .output()
        .expect("it starts");
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("nowhere.invalid:1 has no address"), "{said}");
}

#[test]
fn a_port_that_is_taken_is_said_with_the_way_round() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let (mut sim, mut host, _) = Sim::over_tcp(&[]);
    host.join();
    host.ok("AT+CIPMUX=1");
    assert!(
        host.ask(&format!("AT+CIPSERVER=1,{port}"))
            .ends_with("ERROR\r\n")
    );
    let mut said = String::new();
    sim.stderr.read_line(&mut said).expect("a line");
    let begin = format!("espat: port {port} of the modem cannot be opened on 127.0.0.1:{port}");
    assert!(said.starts_with(&begin), "{said}");
    assert!(
        said.contains(&format!("--map :{port}=127.0.0.1:")),
        "{said}"
    );
}

#[test]
fn a_log_has_the_form_and_the_level_that_were_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("log");
    let name = file.to_str().expect("UTF-8");
    for (level, has_warnings) in [("error", false), ("warn", true)] {
        let options = ["--log", name, "--log-format", "json", "--log-level", level];
        let (_sim, mut host, mut panel) = Sim::over_tcp(&options);
        host.join();
        host.ask("AT+NONSENSE");
        panel.ask("status");
        let text = std::fs::read_to_string(&file).expect("a log");
        let mut levels: Vec<String> = text
            .lines()
            .map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
                assert!(
                    line["at"].is_u64() && line["place"].is_string() && line["message"].is_string()
                );
                line["level"].as_str().expect("text").to_owned()
            })
            .collect();
        levels.sort();
        levels.dedup();
        assert_eq!(levels.contains(&"warn".to_owned()), has_warnings, "{text}");
        assert!(!levels.contains(&"debug".to_owned()), "{text}");
    }
}

#[test]
fn a_stderr_that_nobody_reads_stops_nothing() {
    let (mut sim, mut host, _) = Sim::over_tcp(&["--log", "-"]);
    // Each refusal is a line of some 70 bytes: more than a pipe of Linux holds.
    for _ in 0..15 {
        host.send(&"AT+NONSENSE\r\n".repeat(100));
        for _ in 0..100 {
            host.until("ERROR\r\n");
        }
    }
    // The end does not wait for it either.
    let begin = Instant::now();
    kill_process(Pid::from_child(&sim.child), Signal::TERM).expect("it runs");
    assert_eq!(sim.ended(), Some(0));
    assert!(begin.elapsed() < TIMEOUT);
}

#[test]
fn a_port_is_as_fast_as_a_uart_of_that_rate() {
    let (_sim, mut host, _) = Sim::over_tcp(&["--baud", "115200"]);
    let begin = Instant::now();
    let bits = host.ok("AT+CMD?").len() * 10;
    let least = Duration::from_secs(1) * u32::try_from(bits).expect("few") / 115_200;
    // The last few bytes are with the host while the wire still counts them.
    assert!(
        begin.elapsed() >= least.mul_f32(0.9),
        "{:?}",
        begin.elapsed()
    );

    let (_sim, mut host, _) = Sim::over_tcp(&["--baud", "module"]);
    host.ok("AT+UART_CUR=9600,8,1,0,0");
    let begin = Instant::now();
    let bits = host.ok("AT+GMR").len() * 10;
    let least = Duration::from_secs(1) * u32::try_from(bits).expect("few") / 9600;
    assert!(
        begin.elapsed() >= least.mul_f32(0.8),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn ready_waits_for_a_host_that_opens_late() {
    let sim = Sim::start(&["--pty"]);
    // Its control port answers, so the module has booted.
    assert!(sim.panel().ask("status").starts_with("ok station=idle"));
    let mut port = std::fs::File::open(sim.port()).expect("a terminal");
    let mut heard = [0; 9];
    port.read_exact(&mut heard).expect("ready");
    assert_eq!(&heard, b"\r\nready\r\n");
    // A host that has thrown it away asks for another.
    sim.panel().does("power cut");
    port.read_exact(&mut heard).expect("ready");
    assert_eq!(&heard, b"\r\nready\r\n");
}

#[test]
fn options_that_make_no_sense_are_wrong_usage() {
    for options in [
        &["--virtual-time"][..],
        &["--baud", "79"],
        &["--baud", "9600", "--virtual-time"],
        &["--mac", "01:00:5e:00:00:01"],
        &["--mac", "1:2:3:4:5:6"],
        &["--address", "10.0.0.255"],
        &["--log-level", "warn"],
        &["--log-format", "json"],
        &["--seed", "-1"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_espat"))
            .arg("sim")
            .args(options)
            .output()
            .expect("it starts");
        assert_eq!(output.status.code(), Some(2), "{options:?}");
        assert!(!output.stderr.is_empty(), "{options:?}");
        assert!(
            !output.stderr.contains(&0x1b),
            "{options:?}: colour in a pipe"
        );
    }
}
