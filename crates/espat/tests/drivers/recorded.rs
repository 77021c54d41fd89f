//! `--record` and `espat replay` where a peer takes part: the recording has the modem's side of it, and the replay gets a
//! server of its own by `--map`. In the dialect of 1.x as well, whose messages have another form.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::host::Host;
use crate::peer::{Connection, Over, Server, free_port};

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

const NAME: &str = "broker.local:8080";

/// Replays with the far side played; exit status, and what was printed.
fn replay_alone(file: &Path, more: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_espat"));
    command.arg("replay").arg(file).arg("--peer");
    let output = command.args(more).stdin(Stdio::null()).output();
    let output = output.expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr);
    (output.status.code(), format!("{text}{said}"))
}

/// A banner, escaped data, a server that closes, a connection to the address of a name that is read in two pieces, and a
/// client of the modem's own server.
fn record_much(file: &Path, legacy: bool) {
    let server = Server::new();
    let map = server.map(NAME);
    let mut options = vec!["--record", file.to_str().expect("UTF-8"), "--map", &map];
    let (prompt, legacy_names) = if legacy {
        options.extend(["--dialect", "legacy"]);
        ("\r\nOK\r\n> ", "_CUR")
    } else {
        ("\r\nOK\r\n\r\n>", "")
    };
    let mut host = Host::new(&options);
    host.exact("\r\nready\r\n");
    host.answer("ATE0");
    host.ok("AT+CIPMUX=1");
    host.ok(&format!("AT+CWMODE{legacy_names}=1"));
    host.answer(&format!("AT+CWJAP{legacy_names}=\"iot\",\"\""));
    host.ask(
        "AT+CIPSTART=2,\"TCP\",\"broker.local\",8080",
        "2,CONNECT\r\n\r\nOK\r\n",
    );
    let mut peer = server.accept();
    peer.send(b"220 hi\r\n");
    host.exact("\r\n+IPD,2,8:220 hi\r\n");
    host.ask("AT+CIPSENDEX=2,99", prompt);
    host.send("\\a\\\\0\\0");
    host.exact("\r\nRecv 3 bytes\r\n\r\nSEND OK\r\n");
    assert_eq!(peer.take(3), b"a\\0");
    peer.send(b"x");
    host.exact("\r\n+IPD,2,1:x");
    drop(peer);
    host.exact("2,CLOSED\r\n");

    host.answer("AT+CIPDOMAIN=\"broker.local\"");
    host.ok("AT+CIPRECVMODE=1");
    host.ask(
        "AT+CIPSTART=1,\"TCP\",\"198.18.0.1\",8080",
        "1,CONNECT\r\n\r\nOK\r\n",
    );
    let mut peer = server.accept();
    peer.send(b"0123456789");
    host.exact("\r\n+IPD,1,10\r\n");
    host.answer("AT+CIPRECVDATA=1,4");
    host.exact("\r\n+IPD,1,6\r\n");
    host.answer("AT+CIPRECVDATA=1,64");
    host.ask("AT+CIPCLOSE=1", "1,CLOSED\r\n\r\nOK\r\n");
    serve(&mut host, prompt);
}

/// A client of the modem's own server.
fn serve(host: &mut Host, prompt: &str) {
    let port = free_port();
    host.ok(&format!("AT+CIPSERVER=1,{port}"));
    let client = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let mut client = Connection::new(client);
    host.exact("0,CONNECT\r\n");
    client.send(b"GET");
    host.exact("\r\n+IPD,0,3\r\n");
    host.answer("AT+CIPRECVDATA=0,64");
    host.ask("AT+CIPSEND=0,2", prompt);
    host.send("hi");
    host.exact("\r\nRecv 2 bytes\r\n\r\nSEND OK\r\n");
    assert_eq!(client.take(2), b"hi");
    drop(client);
    host.exact("0,CLOSED\r\n");
}

/// Its servers and clients are gone: the replay plays them.
#[test]
fn a_recording_is_replayed_without_its_servers() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("session.at");
    for legacy in [false, true] {
        record(&file, Over::Tcp, legacy);
        let (status, said) = replay_alone(&file, &[]);
        assert_eq!(status, Some(0), "{said}");
        record_much(&file, legacy);
        let (status, said) = replay_alone(&file, &[]);
        let text = fs::read_to_string(&file).expect("a recording");
        assert_eq!(status, Some(0), "{said}\n{text}");
        assert!(said.contains("no difference"), "{said}");
        // Without them it is another session.
        let changed = text.replace("\"iot\"", "\"nothing\"");
        fs::write(&file, changed).expect("room");
        let (status, said) = replay_alone(&file, &["--timeout", "1"]);
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains("exchanges differ"), "{said}");
    }
    let (status, said) = replay_alone(&file, &["--", "--map", "broker.local:8080=127.0.0.1:1"]);
    assert_eq!(status, Some(2), "{said}");
}

#[test]
fn what_cannot_be_played_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("session.at");
    record(&file, Over::Tls12, false);
    let (_, said) = replay_alone(&file, &["--timeout", "1"]);
    assert!(said.contains("a server of TLS cannot be played"), "{said}");
}
