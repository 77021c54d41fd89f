//! The whole story against a modem that only pretends: the progress must notice every wrong reply.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use cert_bin::Image;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::story::{Stage, asctime};
use super::{Args, ModemConfig, run_to};
use crate::report::Outcome;

/// What a pretender says at its port; the reply of one number is wrong.
struct Voice {
    port: TcpStream,
    replies: Arc<AtomicUsize>,
    wrong: Option<usize>,
}

impl Voice {
    fn say(&self, text: &str) {
        let number = self.replies.fetch_add(1, Ordering::Relaxed);
        let mut bytes = text.as_bytes().to_vec();
        if self.wrong == Some(number) {
            bytes[0] ^= 1;
        }
        // The story may have been stopped.
        let _ = (&self.port).write_all(&bytes);
    }
}

/// Answers as a modem would, without a network but for its own server.
struct Pretender {
    voice: Arc<Voice>,
    /// Images of its server, certificate, key and CA, and where it listens.
    own: [Vec<u8>; 3],
    place: SocketAddr,
    /// The partition that is written, and what goes to its client.
    partition: String,
    client: Option<Sender<Vec<u8>>>,
    /// The first image ever loaded counts as the right one.
    right_ca: Arc<Mutex<Vec<u8>>>,
    ca: Vec<u8>,
    server: String,
    clock: bool,
    syslog: bool,
    last: String,
}

impl Pretender {
    fn say(&self, text: &str) {
        self.voice.say(text);
    }

    fn run(mut self) {
        let mut input = BufReader::new(self.voice.port.try_clone().unwrap());
        self.say("\r\nready\r\n");
        let mut line = String::new();
        while input.read_line(&mut line).is_ok_and(|count| count > 0) {
            // The echo is part of the reply.
            let reply = self.reply(line.trim_end());
            self.say(&format!("{line}{reply}"));
            let len = line.trim_end().rsplit([',', '=']).next().unwrap().parse();
            if reply.ends_with('>') {
                let mut data = vec![0; len.unwrap()];
                if input.read_exact(&mut data).is_err() {
                    break;
                }
                self.data(data);
            } else if line.starts_with("AT+CIPSNTPCFG") {
                self.clock = true;
                self.say("+TIME_UPDATED\r\n");
            }
            line.clear();
        }
    }

    fn data(&mut self, data: Vec<u8>) {
        if let Some(at) = OWN.iter().position(|own| *own == self.partition) {
            self.own[at] = data;
            self.partition.clear();
            return self.say("\r\nOK\r\n");
        }
        if data.starts_with(&[0xF1, 0xF1]) {
            let mut right = self.right_ca.lock().unwrap();
            if right.is_empty() {
                right.clone_from(&data);
            }
            drop(right);
            self.ca = data;
            return self.say("\r\nOK\r\n");
        }
        self.say(&format!("\r\nRecv {} bytes\r\n\r\nSEND OK\r\n", data.len()));
        if let Some(client) = &self.client {
            return client.send(data).unwrap();
        }
        let data = String::from_utf8(data).unwrap();
        let answer = format!("hello from {}: {data}", self.server);
        self.say(&format!("\r\n+IPD,{}:{answer}", answer.len()));
    }

    fn reply(&mut self, line: &str) -> String {
        const OK: &str = "\r\nOK\r\n";
        if let Some(port) = line.strip_prefix("AT+CIPSTART=\"SSL\",\"192.168.3.129\",") {
            return self.connect(port);
        }
        match line {
            "AT+SYSFLASH?" => super::story::PARTITIONS.into(),
            "AT+CWJAP=\"iot\",\"\"" => "WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n".into(),
            "AT+CIPSNTPTIME?" => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                let now = i64::try_from(now.as_secs()).unwrap() + 8 * 3600;
                format!("+CIPSNTPTIME:{}{OK}", asctime(now))
            }
            "AT+CIPSSLCCONF?" => {
                let lines = (0..5).map(|id| format!("+CIPSSLCCONF:{id},2,0,0\r\n"));
                lines.chain([OK.into()]).collect()
            }
            "AT+SSLWHY?" => format!("{}\r\n{OK}", self.last),
            "AT+CIPCLOSE" => format!("CLOSED\r\n{OK}"),
            "AT+CIPCLOSE=0" => format!("0,CLOSED\r\n{OK}"),
            "AT+SSLPEER?" => {
                format!("+SSLPEER:0,\"TLS 1.3\",\"\",\"\",\"\",\"\",\"CN=meter-7\"\r\n{OK}")
            }
            "AT+CIPSERVER=1,8883,\"SSL\",1" => {
                self.serve();
                OK.into()
            }
            _ if line.starts_with("AT+SYSFLASH=1") => {
                self.partition = line.split('"').nth(1).unwrap().to_owned();
                "\r\n>".into()
            }
            _ if line.starts_with("AT+CIPSEND=") => format!("{OK}\r\n>"),
            _ => {
                match line {
                    "AT+SYSLOG=1" => self.syslog = true,
                    "AT+SYSLOG=0" => self.syslog = false,
                    _ if line.starts_with("AT+SYSFLASH=0,\"client_ca\"") => self.ca.clear(),
                    _ => {}
                }
                OK.into()
            }
        }
    }

    fn connect(&mut self, port: &str) -> String {
        let refusal = |flags, subject: &str, wanted: &str, words: &str, code: &str| {
            format!(
                r#"+SSLWHY:0,"certificate",-0x2700,{flags:#010x},0,"CN={subject}","{wanted}","{words}","{code}""#
            )
        };
        let broker = "broker.local";
        let right = *self.right_ca.lock().unwrap() == self.ca;
        let (notice, why) = match port {
            _ if self.ca.is_empty() => (
                "NO CA FOUND\r\n",
                r#"+SSLWHY:0,"setup",-0x7680,0x00000000,0,"","","no CA loaded","ca_erased""#.into(),
            ),
            _ if !right => ("", refusal(8, broker, "CN=espat demo CA", "no chain", "issuer_unknown")),
            _ if !self.clock => ("", refusal(512, broker, "2020-01-01", "clock not set", "clock_not_set")),
            "8739" | "8740" => {
                let kind = if port == "8739" { "P-256" } else { "RSA-2048" };
                self.server = format!("the {kind} server");
                return "CONNECT\r\n\r\nOK\r\n".into();
            }
            "8741" => ("", refusal(1, broker, "2021-01-01", "expired", "expired")),
            "8742" => ("", refusal(512, broker, "2090-01-01", "not valid before", "not_yet_valid")),
            "8743" => (
                "",
                refusal(4, "elsewhere.local", broker, "is for another name", "name_mismatch"),
            ),
            "8744" => (
                "",
                r#"+SSLWHY:0,"tcp",-0x0044,0x00000000,0,"","","server refused it","connection_refused""#.into(),
            ),
            "8745" => (
                "",
                r#"+SSLWHY:0,"hello",-0x6e80,0x00000000,0,"","","server takes no version from TLS 1.3 to TLS 1.3","server_version""#.into(),
            ),
            "8746" => (
                "",
                refusal(8, broker, "CN=espat demo intermediate", "no chain", "issuer_unknown"),
            ),
            other => panic!("{other}"),
        };
        self.last = why;
        if self.syslog {
            format!("{}\r\nERR CODE:0x010a0000\r\n\r\nERROR\r\n", self.last)
        } else {
            format!("{notice}\r\nERROR\r\n")
        }
    }
}

/// Partitions of a server.
const OWN: [&str; 3] = ["server_cert", "server_key", "server_ca"];

impl Pretender {
    /// A server for two clients: the first is taken, the second has no certificate.
    fn serve(&mut self) {
        let [certificate, key, ca] = self.own.each_ref().map(|image| {
            let image = Image::parse(image).unwrap();
            image.at(0).unwrap().content.to_vec()
        });
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(&ca).unwrap())
            .unwrap();
        let provider = Arc::new(default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(
                vec![certificate.into()],
                PrivatePkcs8KeyDer::from(key).into(),
            );
        let config = Arc::new(config.unwrap());
        let listener = TcpListener::bind(self.place).unwrap();
        let (sender, data) = channel();
        self.client = Some(sender);
        let voice = Arc::clone(&self.voice);
        // It ends with the story, or with the tests if the story was stopped.
        thread::spawn(move || {
            let session = || ServerConnection::new(Arc::clone(&config)).unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            let mut first = session();
            while first.is_handshaking() {
                first.complete_io(&mut stream).unwrap();
            }
            voice.say("0,CONNECT\r\n");
            let mut first = StreamOwned::new(first, stream);
            let mut said = [0; 9];
            first.read_exact(&mut said).unwrap();
            voice.say(&format!("\r\n+IPD,0,9:{}", String::from_utf8_lossy(&said)));
            let Ok(answer) = data.recv() else { return };
            first.write_all(&answer).unwrap();
            first.flush().unwrap();

            let (mut stream, _) = listener.accept().unwrap();
            let mut second = session();
            while second.complete_io(&mut stream).is_ok() {}
            // The alert must not be lost by a reset.
            stream.shutdown(Shutdown::Write).unwrap();
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
            voice.say("+SSLWHY:-1,\"certificate\",-0x7480,0x00000040,0,\"\",\"\",\"client showed no certificate\",\"no_client_certificate\"\r\n");
        });
    }
}

/// The story, how it ended, and how many replies it took.
fn run_demo(quiet: bool, wrong: Option<usize>) -> (String, Outcome, usize) {
    let replies = Arc::new(AtomicUsize::new(0));
    let right_ca = Arc::default();
    let mut modems = Vec::new();
    let mut flashes = HashSet::new();
    let mut out = Vec::new();
    let switch_on = |config: ModemConfig| {
        assert!(
            flashes.insert(config.flash),
            "every modem has its own flash"
        );
        assert_eq!(config.maps.len(), 11);
        let (_, place) = config.maps[10];
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (replies, right_ca) = (Arc::clone(&replies), Arc::clone(&right_ca));
        modems.push(thread::spawn(move || {
            let (port, _) = listener.accept().unwrap();
            port.set_nodelay(true).unwrap();
            Pretender {
                voice: Arc::new(Voice {
                    port,
                    replies,
                    wrong,
                }),
                own: [const { Vec::new() }; 3],
                place,
                partition: String::new(),
                client: None,
                right_ca,
                ca: Vec::new(),
                server: String::new(),
                clock: false,
                syslog: false,
                last: String::new(),
            }
            .run();
        }));
        Ok((address, ()))
    };
    let outcome = run_to(Args { quiet }, switch_on, &mut out).unwrap();
    for modem in modems {
        modem.join().unwrap();
    }
    let story = String::from_utf8(out).unwrap();
    (story, outcome, replies.load(Ordering::Relaxed))
}

#[test]
fn a_modem_that_gets_everything_right_passes() {
    for quiet in [false, true] {
        let (story, outcome, _) = run_demo(quiet, None);
        assert_eq!(outcome, Outcome::Done, "{story}");
        assert!(story.contains("\n27 steps, 27 as expected, "), "{story}");
        assert_eq!(story.matches('✓').count(), 27, "{story}");
        assert!(!story.contains('✗'), "{story}");
        assert_eq!(story.contains('→'), !quiet, "{story}");
    }
}

#[test]
fn one_wrong_byte_in_any_reply_is_one_cross_and_a_refusal() {
    let (_, _, replies) = run_demo(true, None);
    assert!(replies > 70, "{replies}");
    for wrong in 0..replies {
        let (story, outcome, _) = run_demo(true, Some(wrong));
        assert_eq!(outcome, Outcome::Refused, "{wrong}: {story}");
        assert_eq!(story.matches('✗').count(), 1, "{wrong}: {story}");
    }
}

#[test]
fn every_server_of_the_story_has_its_place() {
    let stage = Stage::build().unwrap();
    let maps = stage.maps();
    let mut places: Vec<SocketAddr> = maps.iter().map(|(_, place)| *place).collect();
    places.dedup();
    // Both names of the clock lead to one server.
    assert_eq!((maps.len(), places.len()), (11, 10));
    assert!(places.iter().all(|place| place.ip().is_loopback()));
}
