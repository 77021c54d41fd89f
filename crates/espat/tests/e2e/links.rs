//! Several TLS links at once, each to a server of its own.

use crate::support::modem::Host;
use crate::support::pki::{ADDRESS, KeyKind, VALID};
use crate::support::servers::TlsServer;
use crate::support::world::{PORT, World};

/// As many links as there are.
const LINKS: usize = 5;

/// What comes over each link.
type Came = [Vec<u8>; LINKS];

fn port(link: usize) -> u16 {
    PORT + u16::try_from(link).expect("a small number")
}

fn start(link: usize) -> String {
    format!("AT+CIPSTART={link},\"SSL\",\"{ADDRESS}\",{}", port(link))
}

fn opens(host: &mut Host, link: usize) {
    host.ask(&start(link), &format!("{link},CONNECT\r\n\r\nOK\r\n"));
}

/// A server for each link, of every kind of key and of both versions. The link of each number is in the list.
fn servers(world: &World) -> Vec<TlsServer> {
    let kinds = [
        (KeyKind::P256, "-tls1_3"),
        (KeyKind::P384, "-tls1_3"),
        (KeyKind::Ed25519, "-tls1_3"),
        (KeyKind::Rsa2048, "-tls1_2"),
        (KeyKind::P256, "-tls1_2"),
    ];
    let server = |(link, (kind, version)): (usize, _)| {
        let own = world.ca.leaf(&format!("server-{link}"), kind, VALID);
        TlsServer::start(&own, &["-rev", version], None)
    };
    kinds.into_iter().enumerate().map(server).collect()
}

/// A line that no other link and no other round sends.
fn line(link: usize, round: usize, len: usize) -> Vec<u8> {
    let letters = (b'a'..=b'z').cycle().skip(5 * link + round);
    letters.take(len - 1).chain([b'\n']).collect()
}

/// Sends a line over each of these links before any answer is waited for; each server's answer comes over its own link.
fn exchange(host: &mut Host, links: &[usize], round: usize, len: usize) {
    let mut came = Came::default();
    let mut take = |link: usize, data: Vec<u8>| {
        let place = came.get_mut(link).expect("a link");
        place.extend(data);
    };
    for link in links {
        let command = format!("AT+CIPSEND={link},{len}");
        host.send(format!("{command}\r\n").as_bytes());
        host.hears_among(&format!("{command}\r\n"), &mut take);
        host.hears_among("\r\nOK\r\n", &mut take);
        host.hears_among("\r\n>", &mut take);
        host.send(&line(*link, round, len));
        host.hears_among(&format!("\r\nRecv {len} bytes\r\n"), &mut take);
        host.hears_among("\r\nSEND OK\r\n", &mut take);
    }
    while came.iter().map(Vec::len).sum::<usize>() < len * links.len() {
        let (link, data) = host.piece();
        came.get_mut(link).expect("a link").extend(data);
    }
    for (link, came) in came.iter().enumerate() {
        if !links.contains(&link) {
            assert!(came.is_empty(), "{link}");
            continue;
        }
        let mut sent = line(link, round, len);
        sent.pop();
        let answer: Vec<u8> = sent.into_iter().rev().chain([b'\n']).collect();
        assert!(*came == answer, "link {link}, round {round}");
    }
}

/// Whom each link is with, by the subject of its server's certificate.
fn peers(host: &mut Host) -> Vec<String> {
    let answer = host.ask_until("AT+SSLPEER?", "\r\nOK\r\n");
    let subjects = answer.lines().map(|line| {
        let link = line.strip_prefix("+SSLPEER:").expect("a line of a link");
        let (link, rest) = link.split_once(',').expect("a number");
        let subject = rest.split('"').find(|field| field.starts_with("CN="));
        format!("{link} {}", subject.expect("a subject"))
    });
    subjects.collect()
}

#[test]
fn five_tls_links_carry_data_at_once_and_close_and_open_one_by_one() {
    let mut world = World::new();
    let servers = servers(&world);
    for (link, server) in servers.iter().enumerate() {
        world = world.server(port(link), server.address);
    }
    let (_world, _modem, mut host) = world.ready();
    host.ok("AT+CIPMUX=1");
    let all = [0, 1, 2, 3, 4];
    for link in all {
        opens(&mut host, link);
    }
    let with = |links: &[usize]| -> Vec<String> {
        let one = |link: &usize| format!("{link} CN=server-{link}");
        links.iter().map(one).collect()
    };
    assert_eq!(peers(&mut host), with(&all));
    // There is no sixth.
    host.ask(&start(LINKS), "\r\nERROR\r\n");
    exchange(&mut host, &all, 0, 40);
    // As much as a send may have, over all of them before the first answer is waited for.
    exchange(&mut host, &all, 1, 8192);

    host.ask("AT+CIPCLOSE=2", "2,CLOSED\r\n\r\nOK\r\n");
    let rest = [0, 1, 3, 4];
    assert_eq!(peers(&mut host), with(&rest));
    exchange(&mut host, &rest, 2, 3000);
    opens(&mut host, 2);
    exchange(&mut host, &all, 3, 3000);

    // A server ends its own alone.
    host.ask("AT+CIPSEND=4,6", "\r\nOK\r\n\r\n>");
    host.send(b"CLOSE\n");
    host.hears("\r\nRecv 6 bytes\r\n\r\nSEND OK\r\n");
    host.hears("4,CLOSED\r\n");
    exchange(&mut host, &[0, 1, 2, 3], 4, 100);
    opens(&mut host, 4);
    exchange(&mut host, &all, 5, 100);
    let closed = all.map(|link| format!("{link},CLOSED\r\n")).concat();
    host.ask("AT+CIPCLOSE=5", &format!("{closed}\r\nOK\r\n"));
    host.ok("AT");
}

/// As on a chip with memory for fewer: three on ESP32-C6, one on ESP32-C3.
#[test]
fn one_session_more_than_there_is_memory_for_is_refused_with_both_numbers() {
    for most in [1, 3] {
        let mut world = World::new();
        let servers = servers(&world);
        for (link, server) in servers.iter().enumerate() {
            world = world.server(port(link), server.address);
        }
        let world = world.option("--tls-links", &most.to_string());
        let (_world, _modem, mut host) = world.ready();
        host.ok("AT+CIPMUX=1");
        let open: Vec<usize> = (0..most).collect();
        for link in &open {
            opens(&mut host, *link);
        }
        host.ask(&start(most), "\r\nERROR\r\n");
        let why = format!(
            r#"+SSLWHY:{most},"setup",-0x7200,0x00000000,0,"","","sessions open at once of {}, at most {most} here","too_large""#,
            most + 1
        );
        host.ask("AT+SSLWHY?", &format!("{why}\r\n\r\nOK\r\n"));
        exchange(&mut host, &open, most, 2000);
        // The next one takes the place of one that ends.
        host.ask("AT+CIPCLOSE=0", "0,CLOSED\r\n\r\nOK\r\n");
        opens(&mut host, most);
        let others: Vec<usize> = (1..=most).collect();
        exchange(&mut host, &others, 0, 2000);
    }
}
