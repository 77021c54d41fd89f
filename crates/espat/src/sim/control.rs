//! `--control ADDR:PORT`: a line in, a line out, for what happens around a module.
//!
//! ```text
//! ap down iot          ▶ ok
//! ap down nowhere      ▶ error: no access point has this name
//! status               ▶ ok station=up ssid="iot" address=192.168.3.112 aps="iot",-40,up stations=0 mdns=""
//! subscribe station    ▶ ok
//!                      ▶ event station at=1432 state=lost ssid="" address=0.0.0.0
//! ```
//!
//! The commands are listed in `docs/simulator.md`, and by `help`. A line that is a JSON object gets JSON.

use std::ffi::OsStr;
use std::future::{Future, pending, poll_fn};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt as _;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use anyhow::Context as _;
use async_io::Async;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use futures_lite::StreamExt as _;
use futures_lite::future::or;
use futures_lite::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use serde_json::{Value, json};

use super::bench::{Bench, turn_time};
use super::events::{Event, Subscription};
use super::port::Tape;
use super::wifi::{ApSpec, Control, parse_mac};

/// Longest line, in bytes. A client that sends a longer one gets an error, and the connection is closed.
const LINE_MAX: u64 = 1024;

/// Clients at a time.
const CLIENTS_MAX: usize = 16;

/// What `help` says.
const HELP: &str = "ap add SSID[,PASSWORD] | ap remove SSID | ap down SSID | ap up SSID | \
    ap password SSID[,PASSWORD] | ap signal SSID,DBM | address lose | address get [ADDR] | \
    station join MAC ADDR | station leave MAC | connections reset | peer close [HOST:PORT] | peer reset [HOST:PORT] | \
    peer stall [N] | peer go | tls alert NAME | tls stall | latency MS | dns fail [NAME] | dns ok | \
    clock set RFC3339 | clock jump SECONDS | time | time advance MS | \
    uart [out] lose N | uart [out] noise HEX | uart [out] random N | \
    flash fail N | flash full | flash ok | power cut | subscribe [KIND ...] | status | help";

/// The power switch. Clones are the same switch.
#[derive(Clone, Default)]
pub struct Power(Rc<Signal<NoopRawMutex, ()>>);

impl std::fmt::Debug for Power {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Power").finish_non_exhaustive()
    }
}

impl Power {
    /// Takes the power away for a moment.
    pub fn cut(&self) {
        self.0.signal(());
    }

    /// Waits until it is taken away. Dropping it loses nothing.
    pub(super) async fn gone(&self) {
        self.0.wait().await;
    }
}

/// What the lines of a control port act on.
#[derive(Debug, Clone)]
pub struct Panel {
    /// The air around the station.
    pub air: Control,
    /// What else is around it.
    pub bench: Bench,
    /// The module's power.
    pub power: Power,
    /// Who writes down what was done.
    pub tape: Option<Tape>,
}

/// A control port that is ready.
#[derive(Debug)]
pub struct ControlPort {
    listener: Async<TcpListener>,
    local: SocketAddr,
}

impl ControlPort {
    /// Opens the port; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// A sentence that names the address.
    pub fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = Async::<TcpListener>::bind(address)
            .with_context(|| format!("cannot listen on {address}"))?;
        let local = listener.get_ref().local_addr()?;
        Ok(Self { listener, local })
    }

    /// The line from which a script learns the address.
    #[must_use]
    pub fn announcement(&self) -> String {
        format!("control on {}", self.local)
    }

    /// The address, with the port that was taken.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Serves everyone who connects, for as long as it is polled.
    pub async fn serve(&self, panel: &Panel) {
        let mut clients: Vec<Pin<Box<dyn Future<Output = ()> + '_>>> = Vec::new();
        let mut incoming = Box::pin(self.listener.incoming());
        poll_fn(|context| {
            while let Poll::Ready(Some(client)) = incoming.poll_next(context) {
                // A client that left while it waited is none; one too many is disconnected.
                if let Ok(client) = client
                    && clients.len() < CLIENTS_MAX
                {
                    clients.push(Box::pin(attend(client, panel)));
                }
            }
            clients.retain_mut(|client| client.as_mut().poll(context).is_pending());
            Poll::<()>::Pending
        })
        .await;
    }
}

/// What happens next on a connection.
enum Heard {
    /// More of a line, or its end.
    Read(std::io::Result<usize>),
    /// Something that the client asked to be told of.
    Event(Event),
}

/// The form of a line, and of what is said about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Words,
    Json,
}

/// Answers one client until it goes, or sends a line that is too long.
async fn attend(client: Async<TcpStream>, panel: &Panel) {
    let mut reader = BufReader::new(&client);
    let mut line = Vec::new();
    let mut told: Option<(Subscription, Form)> = None;
    loop {
        let left = LINE_MAX.saturating_sub(u64::try_from(line.len()).unwrap_or(u64::MAX));
        // Dropping it leaves in `line` what was read of it.
        let read = async {
            let mut limited = (&mut reader).take(left);
            Heard::Read(limited.read_until(b'\n', &mut line).await)
        };
        let event = async {
            match &told {
                Some((subscription, _)) => Heard::Event(subscription.next().await),
                None => pending().await,
            }
        };
        let (answer, goes_on) = match or(event, read).await {
            Heard::Event(event) => match told {
                Some((_, Form::Json)) => (event.in_json(), true),
                _ => (event.in_words(), true),
            },
            Heard::Read(Err(_)) => return,
            Heard::Read(Ok(0)) if line.is_empty() => return,
            Heard::Read(Ok(_)) => {
                let is_whole = line.ends_with(b"\n")
                    || u64::try_from(line.len()).is_ok_and(|length| length < LINE_MAX);
                let answer = if is_whole {
                    answer(panel, &line, &mut told).await
                } else {
                    in_words(Err(format!("line of more than {LINE_MAX} bytes")))
                };
                line.clear();
                (answer, is_whole)
            }
        };
        let answer = format!("{answer}\n");
        if (&client).write_all(answer.as_bytes()).await.is_err() || !goes_on {
            return;
        }
    }
}

/// The answer to one line, without its end.
async fn answer(panel: &Panel, line: &[u8], told: &mut Option<(Subscription, Form)>) -> String {
    let Ok(line) = std::str::from_utf8(line) else {
        return in_words(Err("line is not UTF-8".to_owned()));
    };
    let form = if line.starts_with('{') {
        Form::Json
    } else {
        Form::Words
    };
    let command = match form {
        Form::Json => command(line),
        Form::Words => Ok(line.trim().to_owned()),
    };
    let result = match &command {
        Ok(command) => match command.strip_prefix("subscribe") {
            Some(kinds) if kinds.is_empty() || kinds.starts_with(' ') => {
                let events = panel.bench.events();
                let subscription = events.subscribe(kinds.split_whitespace());
                subscription.map(|subscription| {
                    *told = Some((subscription, form));
                    String::new()
                })
            }
            _ => panel.obey_any(command).await,
        },
        Err(error) => Err(error.clone()),
    };
    match form {
        Form::Words => in_words(result),
        Form::Json if command.as_deref() == Ok("status") => {
            json!({"result": "ok", "value": panel.air.status_json()}).to_string()
        }
        Form::Json => in_json(result),
    }
}

fn in_words(answer: Result<String, String>) -> String {
    match answer {
        Ok(answer) if answer.is_empty() => "ok".to_owned(),
        Ok(answer) => format!("ok {answer}"),
        Err(error) => format!("error: {error}"),
    }
}

/// `{"result":"ok","value":"…"}` or `{"result":"error","message":"…"}`
fn in_json(answer: Result<String, String>) -> String {
    let answer = match answer {
        Ok(value) => json!({"result": "ok", "value": value}),
        Err(message) => json!({"result": "error", "message": message}),
    };
    answer.to_string()
}

/// `{"command":"ap down iot"}`
fn command(line: &str) -> Result<String, String> {
    let request: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    match request.get("command").and_then(Value::as_str) {
        Some(command) => Ok(command.trim().to_owned()),
        None => Err("expected {\"command\":\"…\"}".to_owned()),
    }
}

impl Panel {
    /// What a client of the control port reads behind this line, without the line end; a subscription ends with it.
    ///
    /// Dropping it may leave the clock before the time that was asked for.
    pub async fn answer(&self, line: &[u8]) -> String {
        answer(self, line, &mut None).await
    }

    /// Does what a line says, of those too that take their time; the answer behind `ok`. `subscribe` is not among them.
    ///
    /// Dropping it may leave the clock before the time that was asked for.
    ///
    /// # Errors
    ///
    /// The answer behind `error:`.
    pub async fn obey_any(&self, line: &str) -> Result<String, String> {
        let Some(result) = turn_time(line).await else {
            return self.obey(line);
        };
        if let (Ok(_), Some(tape)) = (&result, &self.tape) {
            tape.control(line);
        }
        result
    }

    /// Does what a line says at once; the answer behind `ok`.
    ///
    /// # Errors
    ///
    /// The answer behind `error:`.
    pub fn obey(&self, line: &str) -> Result<String, String> {
        let (family, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (verb, argument) = rest.split_once(' ').unwrap_or((rest, ""));
        let done = match (family, verb, argument) {
            ("status", "", "") => return Ok(self.air.status()),
            ("help", "", "") => return Ok(HELP.to_owned()),
            ("power", "cut", "") => {
                self.power.cut();
                Ok(())
            }
            ("connections", "reset", "") => self.air.reset_connections(),
            ("address", "lose", "") => self.air.lose_address(),
            ("address", "get", "") => self.air.get_address(None),
            ("address", "get", address) => {
                let address: Ipv4Addr = address
                    .parse()
                    .map_err(|_| format!("{address} is no IPv4 address"))?;
                self.air.get_address(Some(address))
            }
            ("station", "join", argument) => {
                let (mac, address) = argument.split_once(' ').unwrap_or((argument, ""));
                let address: Ipv4Addr = address
                    .parse()
                    .map_err(|_| format!("{address} is no IPv4 address"))?;
                self.air.add_station(parse_mac(mac)?, address)
            }
            ("station", "leave", mac) => self.air.remove_station(parse_mac(mac)?),
            ("ap", "add", spec) => self.air.add(&parse(spec)?),
            ("ap", "password", spec) => self.air.protect(&parse(spec)?),
            ("ap", "remove", ssid) => self.air.remove(ssid.as_bytes()),
            ("ap", "down", ssid) => self.air.vanish(ssid.as_bytes()),
            ("ap", "up", ssid) => self.air.appear(ssid.as_bytes()),
            ("ap", "signal", argument) => {
                let (ssid, dbm) = argument
                    .rsplit_once(',')
                    .and_then(|(ssid, dbm)| Some((ssid, dbm.parse().ok()?)))
                    .ok_or("expected SSID,DBM with DBM from -128 to 127")?;
                self.air.signal(ssid.as_bytes(), dbm)
            }
            _ => {
                let done = self.bench.obey(line);
                done.unwrap_or_else(|| Err(format!("unknown; {HELP}")))?;
                Ok(())
            }
        };
        done.map_err(|error| error.to_string())?;
        if let Some(tape) = &self.tape {
            tape.control(line);
        }
        Ok(String::new())
    }
}

fn parse(spec: &str) -> Result<ApSpec, String> {
    ApSpec::parse(OsStr::from_bytes(spec.as_bytes())).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::wifi::SimWifi;
    use at_modem::wifi::{Join, Password, Wifi as _};

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn every_line_does_what_it_says_or_says_why_not() {
        let wifi = SimWifi::new(&[]);
        let panel = Panel {
            air: wifi.control(),
            bench: Bench::default(),
            power: Power::default(),
            tape: None,
        };
        let join = Join {
            ssid: b"net",
            password: Password(b"12345678"),
            bssid: None,
            secure_only: false,
        };
        let air = |rest: &str| Ok(rest.to_owned());
        let no = |why: &str| Err(why.to_owned());
        for (line, answer) in [
            (
                "status",
                air(
                    "station=idle ssid=\"\" address=0.0.0.0 aps=\"iot\",-40,up stations=0 mdns=\"\"",
                ),
            ),
            ("address lose", no("the station is in no network")),
            ("ap add net,12345678", air("")),
            ("ap add net", no("there is one of this name already")),
            ("ap down nowhere", no("no access point has this name")),
            ("ap signal net,-70", air("")),
            (
                "ap signal net,loud",
                no("expected SSID,DBM with DBM from -128 to 127"),
            ),
            ("ap remove iot", air("")),
            ("ap up iot", no("no access point has this name")),
            ("address get 1.2.3", no("1.2.3 is no IPv4 address")),
        ] {
            assert_eq!(panel.obey(line), answer, "{line}");
        }
        async_io::block_on(wifi.join(join, async |_| ())).unwrap();
        for (line, answer) in [
            ("address lose", air("")),
            (
                "status",
                air(
                    "station=addressless ssid=\"net\" address=0.0.0.0 aps=\"net\",-70,up stations=0 mdns=\"\"",
                ),
            ),
            ("address get 10.0.0.7", air("")),
            (
                "status",
                air(
                    "station=up ssid=\"net\" address=10.0.0.7 aps=\"net\",-70,up stations=0 mdns=\"\"",
                ),
            ),
            ("ap down net", air("")),
            (
                "status",
                air(
                    "station=lost ssid=\"\" address=0.0.0.0 aps=\"net\",-70,down stations=0 mdns=\"\"",
                ),
            ),
        ] {
            assert_eq!(panel.obey(line), answer, "{line}");
        }
        assert!(
            panel
                .obey("power off")
                .unwrap_err()
                .starts_with("unknown; ap add")
        );
        assert!(!panel.power.0.signaled());
        panel.obey("power cut").unwrap();
        assert!(panel.power.0.signaled());
    }

    /// Serves a control port while `talk` runs on a thread of its own, with its address.
    fn serve<T: Send + 'static>(talk: impl FnOnce(SocketAddr) -> T + Send + 'static) -> T {
        let port = ControlPort::open("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = port.local;
        let panel = Panel {
            air: SimWifi::new(&[]).control(),
            bench: Bench::default(),
            power: Power::default(),
            tape: None,
        };
        let (done, wait) = async_io::Async::<std::os::unix::net::UnixStream>::pair().unwrap();
        let talk = std::thread::spawn(move || {
            let result = talk(address);
            drop(done);
            result
        });
        let served = async {
            port.serve(&panel).await;
        };
        let over = async {
            wait.readable().await.unwrap();
        };
        async_io::block_on(futures_lite::future::or(served, over));
        talk.join().unwrap()
    }

    fn answer(client: &std::net::TcpStream) -> String {
        use std::io::{BufRead as _, BufReader};
        let mut answer = String::new();
        let _ = BufReader::new(client).read_line(&mut answer);
        answer
    }

    #[test]
    fn many_talk_at_once_and_each_hears_its_own_answer() {
        use std::io::Write as _;
        let answers = serve(|address| {
            let mut clients = [(); 3].map(|()| std::net::TcpStream::connect(address).unwrap());
            for (client, line) in clients.iter_mut().zip(["what", "ap down iot", "ap up iot"]) {
                client.write_all(line.as_bytes()).unwrap();
            }
            let mut answers = Vec::new();
            for client in &mut clients {
                client.write_all(b"\n").unwrap();
                answers.push(answer(client).chars().take(5).collect::<String>());
            }
            answers
        });
        assert_eq!(answers, ["error", "ok\n", "ok\n"]);
    }

    #[test]
    fn a_line_without_end_and_clients_without_number_are_bounded() {
        use std::io::{Read as _, Write as _};
        serve(|address| {
            let connect = || std::net::TcpStream::connect(address).unwrap();
            let mut long = connect();
            // More than any buffer between both ends holds: it is not read to its end.
            let _ = long.write_all(&vec![b'x'; 64 * 1024 * 1024]);
            drop(long);

            let mut edge = connect();
            edge.write_all(&[b'x'; 1023]).unwrap();
            edge.write_all(b"\nstatus\n").unwrap();
            assert!(answer(&edge).starts_with("error: unknown"));
            edge.write_all(&[b'x'; 1024]).unwrap();
            let mut rest = String::new();
            edge.read_to_string(&mut rest).unwrap();
            assert!(
                rest.ends_with("error: line of more than 1024 bytes\n"),
                "{rest}"
            );

            let mut clients: Vec<_> = (0..CLIENTS_MAX).map(|_| connect()).collect();
            for client in &mut clients {
                client.write_all(b"ap up iot\n").unwrap();
                assert_eq!(answer(client), "ok\n");
            }
            let mut more = connect();
            let _ = more.write_all(b"ap up iot\n");
            assert_eq!(answer(&more), "");
            clients.pop();
            let served = (0..1000).any(|_| {
                let mut next = connect();
                next.write_all(b"ap up iot\n").is_ok() && answer(&next) == "ok\n"
            });
            assert!(served, "a place is free again");
        });
    }
}
