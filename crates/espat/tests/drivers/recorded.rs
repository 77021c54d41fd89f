//! `--record` and `espat replay` where a peer takes part: the recording has the modem's side of it, and the replay gets a
//! server of its own by `--map`. In the dialect of 1.x as well, whose messages have another form.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::host::Host;
use crate::peer::{Connection, Over, Server};

const PLACE: &str = "192.168.3.102:8080";
const DATA: &[u8] = b"a:b,\r\nOK\r\n> c";

/// What the server does; `act` says when the host has read what is before it.
fn served(mut peer: Connection) -> Connection {
    assert_eq!(peer.take(5), b"hel\r\n");
    peer.send(DATA);
    assert_eq!(peer.take(3), b"bye");
    peer
}

/// A host that sends, fetches what came, sends again and closes.
fn session(host: &mut Host, over: Over, legacy: bool) {
    let prompt = if legacy { "> " } else { "\r\n>" };
    let names = if legacy { "_CUR" } else { "" };
    host.exact("\r\nready\r\n");
    host.answer("ATE0");
    for line in ["AT+CIPMUX=1", "AT+CIPRECVMODE=1"] {
        host.ok(line);
    }
    host.ok(&format!("AT+CWMODE{names}=1"));
    host.answer(&format!("AT+CWJAP{names}=\"iot\",\"\""));
    let kind = over.kind();
    host.ask(
        &format!("AT+CIPSTART=0,\"{kind}\",\"192.168.3.102\",8080"),
        "0,CONNECT\r\n\r\nOK\r\n",
    );
    host.ask("AT+CIPSEND=0,5", &format!("\r\nOK\r\n{prompt}"));
    host.send("hel\r\n");
    host.exact("\r\nRecv 5 bytes\r\n\r\nSEND OK\r\n");
    let count = DATA.len();
    host.exact(&format!("\r\n+IPD,0,{count}\r\n"));
    let head = if legacy {
        format!("+CIPRECVDATA,{count}:")
    } else {
        format!("+CIPRECVDATA:{count},")
    };
    let text = DATA.escape_ascii().to_string();
    host.send("AT+CIPRECVDATA=0,64\r\n");
    let came = host.bytes(head.len() + count);
    assert_eq!(came.escape_ascii().to_string(), format!("{head}{text}"));
    host.exact("\r\nOK\r\n");
    host.ask("AT+CIPSEND=0,3", &format!("\r\nOK\r\n{prompt}"));
    host.send("bye");
    host.exact("\r\nRecv 3 bytes\r\n\r\nSEND OK\r\n");
    host.ask("AT+CIPCLOSE=0", "0,CLOSED\r\n\r\nOK\r\n");
}

fn record(file: &Path, over: Over, legacy: bool) -> String {
    let server = Server::over(over);
    let map = server.map(PLACE);
    let file = file.to_str().expect("UTF-8");
    let mut options = vec!["--record", file, "--map", &map];
    if legacy {
        options.extend(["--dialect", "legacy"]);
    }
    std::thread::scope(|scope| {
        let peer = scope.spawn(move || served(server.accept()));
        let mut host = Host::new(&options);
        session(&mut host, over, legacy);
        peer.join().expect("a peer that was content");
    });
    fs::read_to_string(file).expect("a recording")
}

/// Exit status and what was printed of a replay that gets another server.
fn replay(
    file: &Path,
    over: Over,
    peer: impl FnOnce(Connection) -> Connection + Send,
) -> (Option<i32>, String) {
    let server = Server::over(over);
    let map = server.map(PLACE);
    let mut command = Command::new(env!("CARGO_BIN_EXE_espat"));
    command.arg("replay").arg(file).args(["--", "--map", &map]);
    command.stdin(Stdio::null());
    std::thread::scope(|scope| {
        let peer = scope.spawn(move || peer(server.accept()));
        let output = command.output().expect("it starts");
        drop(peer.join());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = String::from_utf8_lossy(&output.stderr);
        (output.status.code(), format!("{text}{said}"))
    })
}

#[test]
fn a_recorded_session_is_the_same_with_another_server_at_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("session.at");
    for (over, legacy) in [
        (Over::Tcp, false),
        (Over::Tls12, false),
        (Over::Tls13, false),
        (Over::Tcp, true),
        (Over::Tls12, true),
    ] {
        let text = record(&file, over, legacy);
        let what = format!("{over:?}, legacy: {legacy}\n{text}");
        assert!(text.contains("→ hel\n"), "{what}");
        assert_eq!(text.contains("@sim --dialect legacy"), legacy, "{what}");
        let data = "a:b,{crlf}OK{crlf}> c";
        let line = match legacy {
            true => format!("← +CIPRECVDATA,{}:{data}\n", DATA.len()),
            false => format!("← +CIPRECVDATA:{},{data}\n", DATA.len()),
        };
        assert!(text.contains(&line), "{what}");
        let (status, said) = replay(&file, over, served);
        assert_eq!(status, Some(0), "{said}{what}");
        assert!(said.contains("no difference"), "{said}");
    }
}

#[test]
fn a_server_that_says_something_else_is_a_difference_and_the_replay_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("session.at");
    for legacy in [false, true] {
        record(&file, Over::Tcp, legacy);
        let other = |mut peer: Connection| {
            peer.take(5);
            peer.send(&DATA.to_ascii_uppercase());
            peer.take(3);
            peer
        };
        let (status, said) = replay(&file, Over::Tcp, other);
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains("1 of "), "{said}");
        assert!(said.contains("A:B,"), "{said}");
    }
}
