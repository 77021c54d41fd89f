//! Hellos that rustls's own client does not send: shapes of browsers and of other libraries, written by hand.
//!
//! Nobody answers the server's flight here, so what is looked at is how it begins.

use tls_session::reason::StreamError;
use tls_session::{Acceptor, Cause};

use tls_doubles::keys::KeyKind;
use tls_doubles::pki::Family;

use crate::host::{Visit, acceptor};
use crate::visitor::{Says, records};

const SERVER_NAME: u16 = 0;
const GROUPS: u16 = 10;
const SCHEMES: u16 = 13;
const ALPN: u16 = 16;
const PRE_SHARED_KEY: u16 = 41;
const EARLY_DATA: u16 = 42;
const VERSIONS: u16 = 43;
const PSK_MODES: u16 = 45;
const KEY_SHARE: u16 = 51;

const X25519: u16 = 29;
/// X25519MLKEM768, and the length of its share.
const ML_KEM: (u16, usize) = (0x11ec, 1216);

/// SHA-256 of "HelloRetryRequest" (RFC 8446 §4.1.3).
const RETRY: [u8; 4] = [0xcf, 0x21, 0xad, 0x74];

/// Bytes behind their length in two bytes.
fn counted(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).unwrap();
    [&len.to_be_bytes()[..], bytes].concat()
}

fn numbers(list: &[u16]) -> Vec<u8> {
    list.iter()
        .flat_map(|number| number.to_be_bytes())
        .collect()
}

/// Groups and the bytes of their shares; those of X25519 are its base point.
fn shares(list: &[(u16, usize)]) -> Vec<u8> {
    let entry = |(group, len): &(u16, usize)| {
        let mut share = vec![0; *len];
        share[0] = 9;
        [&group.to_be_bytes()[..], &counted(&share)].concat()
    };
    counted(&list.iter().flat_map(entry).collect::<Vec<_>>())
}

/// A ClientHello in one record.
struct Hello {
    suites: Vec<u16>,
    extensions: Vec<(u16, Vec<u8>)>,
}

impl Hello {
    /// For TLS 1.3, with these groups and shares.
    fn new(groups: &[u16], offered: &[(u16, usize)]) -> Self {
        Self {
            suites: vec![0x1301],
            extensions: vec![
                (VERSIONS, vec![2, 3, 4]),
                (GROUPS, counted(&numbers(groups))),
                (SCHEMES, counted(&numbers(&[0x0403]))),
                (KEY_SHARE, shares(offered)),
            ],
        }
    }

    fn and(mut self, number: u16, content: Vec<u8>) -> Self {
        self.extensions.retain(|(known, _)| *known != number);
        self.extensions.push((number, content));
        self
    }

    fn record(&self) -> Vec<u8> {
        let extension = |(number, content): &(u16, Vec<u8>)| {
            [&number.to_be_bytes()[..], &counted(content)].concat()
        };
        let extensions: Vec<u8> = self.extensions.iter().flat_map(extension).collect();
        let body = [
            &[3, 3][..],
            &[7; 32],
            // A session id, as for middleboxes.
            &[32],
            &[8; 32],
            &counted(&numbers(&self.suites)),
            &[1, 0],
            &counted(&extensions),
        ]
        .concat();
        let len = u16::try_from(body.len()).unwrap();
        let message = [&[1, 0][..], &len.to_be_bytes(), &body].concat();
        [&[22, 3, 1][..], &counted(&message)].concat()
    }
}

/// What stands in encrypted_client_hello where there is none: outer, HKDF-SHA256, AES-128-GCM, and random bytes.
fn encrypted_hello() -> Vec<u8> {
    let head = [0, 0, 1, 0, 1, 7];
    [&head[..], &counted(&[3; 32]), &counted(&[4; 144])].concat()
}

fn open_server() -> Acceptor {
    acceptor(&Family::new(KeyKind::P256).site(), None, |_| ())
}

/// How the server answers.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// ServerHello with a share of this group, then what follows it.
    Hello(u16),
    /// HelloRetryRequest for this group.
    Retry(u16),
    Alert(u8),
}

/// What the server makes of these bytes. Whoever is answered owes an answer, and is dropped for that alone.
fn answer(bytes: &[u8]) -> Answer {
    let acceptor = open_server();
    let client = Says {
        bytes: bytes.to_vec(),
        ..Says::default()
    };
    let (reason, wire) = Visit::new(client, &acceptor).refused();
    let came = wire.server().came.clone();
    let first = records(&came)[0];
    if first[0] == 21 {
        return Answer::Alert(first[6]);
    }
    let late: Cause = StreamError::Timeout { ms: 10_000 }.into();
    assert_eq!(reason.cause, late);
    assert_eq!((first[0], first[5]), (22, 2), "{first:?}");
    // Behind random, session id, suite and compression come extensions; of those one is the share.
    let mut rest = &first[9 + 2 + 32 + 1 + 32 + 2 + 1 + 2..];
    let mut group = None;
    while let [a, b, high, low, tail @ ..] = rest {
        let (content, others) = tail.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        match u16::from_be_bytes([*a, *b]) {
            KEY_SHARE => group = Some(u16::from_be_bytes([content[0], content[1]])),
            VERSIONS => assert_eq!(content, [3, 4]),
            other => panic!("extension {other} answers nothing"),
        }
        rest = others;
    }
    let group = group.expect("a group");
    match first[11..15] == RETRY {
        true => Answer::Retry(group),
        false => Answer::Hello(group),
    }
}

#[test]
fn duty_145_values_that_nobody_knows_are_passed_over() {
    for grease in [0x0a0a_u16, 0x4a4a, 0xfafa] {
        let mut hello = Hello::new(&[grease, X25519], &[(grease, 1), (X25519, 32)])
            .and(
                VERSIONS,
                [&[8][..], &numbers(&[grease, 0x7f1c, 0x0305, 0x0304])].concat(),
            )
            .and(SCHEMES, counted(&numbers(&[grease, 0x0905, 0x0403])))
            .and(ALPN, counted(&[2, 0x0a, 0x0a, 2, b'h', b'2']))
            .and(grease, vec![])
            // encrypted_client_hello of a browser that has no key, compress_certificate, and one of nobody's.
            .and(0xfe0d, encrypted_hello())
            .and(27, vec![2, 0, 2])
            .and(0x7fff, vec![1, 2, 3]);
        hello.suites.insert(0, grease);
        assert_eq!(answer(&hello.record()), Answer::Hello(X25519), "{grease:x}");
        hello.extensions.reverse();
        assert_eq!(answer(&hello.record()), Answer::Hello(X25519), "{grease:x}");
    }
}

#[test]
fn duty_150_a_client_without_a_common_group_is_refused() {
    assert_eq!(
        answer(&Hello::new(&[25], &[(25, 133)]).record()),
        Answer::Alert(40)
    );
    let mut none = Hello::new(&[], &[(X25519, 32)]);
    none.extensions.retain(|(number, _)| *number != GROUPS);
    let Answer::Alert(alert) = answer(&none.record()) else {
        panic!("answered");
    };
    assert!([40, 109].contains(&alert), "{alert}");
}

/// A share of 1,216 bytes first, as browsers, Go and OpenSSL send it: no retry where X25519 comes with it.
#[test]
fn duty_152_a_large_share_that_we_do_not_know_costs_nothing() {
    // With padding, it takes two segments.
    let both = Hello::new(&[ML_KEM.0, X25519], &[ML_KEM, (X25519, 32)]).and(21, vec![0; 400]);
    assert!(both.record().len() > 1460);
    assert_eq!(answer(&both.record()), Answer::Hello(X25519));
    let alone = Hello::new(&[ML_KEM.0, X25519], &[ML_KEM]);
    assert_eq!(answer(&alone.record()), Answer::Retry(X25519));
}

#[test]
fn duty_154_a_server_name_that_is_none() {
    let named = |content: Vec<u8>| {
        let hello = Hello::new(&[X25519], &[(X25519, 32)]).and(SERVER_NAME, content);
        answer(&hello.record())
    };
    let name = |text: &[u8]| [&[0][..], &counted(text)].concat();
    let long = [b'a'; 60].map(|letter| [letter]).concat();
    let longest = [&long[..], b".", &long, b".", &long, b".", &long].concat();
    for good in [&b"a_b.local"[..], b"MODULE.Local", &longest] {
        assert_eq!(named(counted(&name(good))), Answer::Hello(X25519));
    }
    for bad in [
        counted(&[name(b"a.local"), name(b"b.local")].concat()),
        counted(&[]),
        counted(&name(b"")),
    ] {
        assert_eq!(named(bad.clone()), Answer::Alert(50), "{bad:?}");
    }
}

/// A ticket of somebody else's, and data under it: neither is taken, and the handshake is a full one.
#[test]
fn duty_156_and_157_tickets_and_early_data_are_passed_over() {
    let identity = [&counted(&[5; 100])[..], &[0, 0, 0, 1]].concat();
    let binder = [&[32][..], &[6; 32]].concat();
    let offer = [counted(&identity), counted(&binder)].concat();
    let resumes = || Hello::new(&[X25519], &[(X25519, 32)]).and(PSK_MODES, vec![1, 1]);
    let ticket = resumes().and(PRE_SHARED_KEY, offer.clone());
    assert_eq!(answer(&ticket.record()), Answer::Hello(X25519));
    let early = resumes()
        .and(EARLY_DATA, Vec::new())
        .and(PRE_SHARED_KEY, offer);
    assert_eq!(answer(&early.record()), Answer::Hello(X25519));
    let data = [&[23, 3, 3][..], &counted(&[1; 200])].concat();
    let sent = [early.record(), data.clone(), data].concat();
    assert_eq!(answer(&sent), Answer::Hello(X25519));
}
