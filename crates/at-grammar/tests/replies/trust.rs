//! Lines about keys, suites, policies and certificates.

use super::*;
use at_grammar::commands::ssl::{CipherLine, PskHexLine, PskLine};
use at_grammar::commands::trust::{
    LinkPolicy, NameCheck, PeerCheck, PkiLine, PolicyLine, ProbeLine, ResumeLine, ServerPolicyLine,
    SslPeerLine, VersionLine,
};
use at_grammar::types::TlsVersion;

const HASH: Sha256 = Sha256([0xa5; 32]);

macro_rules! hash {
    () => {
        "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"
    };
}

fn policy(link_id: u8, peer: PeerCheck) -> LinkPolicy<'static> {
    LinkPolicy {
        link: link(link_id),
        peer,
        name: NameCheck::None,
        identity: None,
        alpn: AlpnList::EMPTY,
        refused: false,
        mode: PolicyMode::EspAt,
    }
}

pub(crate) fn lines() -> Vec<(Info<'static>, &'static str)> {
    let mut lines = keys_and_suites();
    lines.extend(policies());
    lines.extend(sessions());
    lines.extend(probes());
    lines.extend(items());
    lines
}

fn keys_and_suites() -> Vec<(Info<'static>, &'static str)> {
    let identity = |text| PskIdentity::new(text).unwrap();
    vec![
        (
            Info::Cipsslccipher(CipherLine {
                index: 0,
                suite: 0x1301,
            }),
            "+CIPSSLCCIPHER:0,0x1301\r\n",
        ),
        (
            Info::Cipsslcpsk(PskLine {
                link: link(0),
                key: PskKey::new("p\"s,k").unwrap(),
                identity: identity("my\",\"hint"),
            }),
            "+CIPSSLCPSK:0,\"p\"s,k\",\"my\",\"hint\"\r\n",
        ),
        (
            Info::Cipsslcpsk(PskLine {
                link: link(4),
                key: PskKey::new("").unwrap(),
                identity: identity(""),
            }),
            "+CIPSSLCPSK:4,\"\",\"\"\r\n",
        ),
        (
            Info::Cipsslcpskhex(PskHexLine {
                link: link(1),
                key: PskHex::new("70736b").unwrap(),
                identity: identity("myhint"),
            }),
            "+CIPSSLCPSKHEX:1,\"70736b\",\"myhint\"\r\n",
        ),
    ]
}

fn sessions() -> Vec<(Info<'static>, &'static str)> {
    let peer = SslPeerLine {
        link: link(0),
        version: "TLS 1.3".into(),
        suite: "TLS_AES_128_GCM_SHA256".into(),
        group: "P-256".into(),
        sni: "broker.local".into(),
        alpn: "mqtt".into(),
        subject: "CN=a".into(),
        sha256: hash!().into(),
        not_after: "2030-01-01T00:00:00Z".into(),
        names: "DNS:a.local, IP:192.0.2.1".into(),
        resumed: false,
    };
    vec![
        (
            Info::Sslresume(ResumeLine {
                on: true,
                tickets: 8,
            }),
            "+SSLRESUME:1,8\r\n",
        ),
        (
            Info::Sslpeer(SslPeerLine {
                resumed: true,
                ..peer
            }),
            concat!(
                "+SSLPEER:0,\"TLS 1.3\",\"TLS_AES_128_GCM_SHA256\",\"P-256\",\"broker.local\",\"mqtt\",\"CN=a\",\"",
                hash!(),
                "\",\"2030-01-01T00:00:00Z\",\"DNS:a.local, IP:192.0.2.1\",1\r\n"
            ),
        ),
        (
            Info::Sslversion(VersionLine {
                link: link(4),
                min: TlsVersion::Tls12,
                max: TlsVersion::Tls13,
            }),
            "+SSLVERSION:4,12,13\r\n",
        ),
        (
            Info::Sslpeer(peer),
            concat!(
                "+SSLPEER:0,\"TLS 1.3\",\"TLS_AES_128_GCM_SHA256\",\"P-256\",\"broker.local\",\"mqtt\",\"CN=a\",\"",
                hash!(),
                "\",\"2030-01-01T00:00:00Z\",\"DNS:a.local, IP:192.0.2.1\",0\r\n"
            ),
        ),
    ]
}

fn policies() -> Vec<(Info<'static>, &'static str)> {
    let alpn = AlpnList::new(["mqtt", "a,b"].map(|name| AlpnName::new(name).unwrap())).unwrap();
    let of_link = |policy| Info::Sslpolicy(PolicyLine::Link(policy));
    let of_server = |verify_client, mode| {
        Info::Sslpolicy(PolicyLine::Server(ServerPolicyLine {
            verify_client,
            mode,
        }))
    };
    vec![
        (
            of_link(LinkPolicy {
                name: NameCheck::Name(AtStr::from("broker.local")),
                alpn,
                ..policy(0, PeerCheck::Chain)
            }),
            "+SSLPOLICY:0,\"chain\",\"dates\",\"name=broker.local\",\"alpn=mqtt\",\"alpn=a,b\",0\r\n",
        ),
        (
            of_link(LinkPolicy {
                identity: Some(255),
                ..policy(1, PeerCheck::Chain)
            }),
            "+SSLPOLICY:1,\"chain\",\"dates\",\"name=none\",\"identity=255\",0\r\n",
        ),
        (
            of_link(LinkPolicy {
                name: NameCheck::Host,
                mode: PolicyMode::Strict,
                ..policy(2, PeerCheck::Chain)
            }),
            "+SSLPOLICY:2,\"chain\",\"dates\",\"name=host\",1\r\n",
        ),
        (
            of_link(policy(3, PeerCheck::Psk)),
            "+SSLPOLICY:3,\"psk\",0\r\n",
        ),
        (
            of_link(LinkPolicy {
                refused: true,
                mode: PolicyMode::Strict,
                ..policy(4, PeerCheck::DangerAnyPeer)
            }),
            "+SSLPOLICY:4,\"danger-any-peer\",\"refused\",1\r\n",
        ),
        (
            of_server(false, PolicyMode::EspAt),
            "+SSLPOLICY:-1,\"client=none\",\"identity=server_cert\",0\r\n",
        ),
        (
            of_server(true, PolicyMode::Strict),
            "+SSLPOLICY:-1,\"client=must\",\"chain\",\"dates\",\"identity=server_cert\",1\r\n",
        ),
    ]
}

fn probes() -> Vec<(Info<'static>, &'static str)> {
    vec![
        (
            Info::Sslprobe(ProbeLine::Certificate {
                depth: 1,
                subject: AtStr::from("CN=leaf"),
                issuer: AtStr::from("CN=root, O='x'"),
                not_before: AtStr::from("2026-01-01T00:00:00Z"),
                not_after: AtStr::from("2027-01-01T00:00:00Z"),
                sha256: HASH,
                key: AtStr::from("p-256"),
            }),
            concat!(
                "+SSLPROBE:1,\"CN=leaf\",\"CN=root, O='x'\",\"2026-01-01T00:00:00Z\",\"2027-01-01T00:00:00Z\",\"",
                hash!(),
                "\",\"p-256\"\r\n"
            ),
        ),
        (
            Info::Sslprobe(ProbeLine::Dropped(3)),
            "+SSLPROBE:\"dropped\",3\r\n",
        ),
        (
            Info::Sslprobe(ProbeLine::Accepted {
                policy: AtStr::from("chain,dates,name=broker.local"),
            }),
            "+SSLPROBE:\"accepted\",\"chain,dates,name=broker.local\"\r\n",
        ),
        (
            Info::Sslprobe(ProbeLine::Refused {
                stage: AtStr::from("certificate"),
                number: -0x2700,
                flags: 8,
                depth: 1,
                subject: AtStr::from("CN=leaf"),
                wanted: AtStr::from("CN=root"),
                text: AtStr::from("no trusted issuer"),
                code: AtStr::from("issuer_unknown"),
            }),
            "+SSLPROBE:\"refused\",\"certificate\",-0x2700,0x00000008,1,\"CN=leaf\",\"CN=root\",\"no trusted issuer\",\"issuer_unknown\"\r\n",
        ),
    ]
}

fn items() -> Vec<(Info<'static>, &'static str)> {
    let text = AtStr::from;
    vec![
        (
            Info::Pki(PkiLine::Object {
                partition: text("client_ca"),
                item: 0,
                label: text("ca"),
                subject: text("CN=root"),
                not_after: text("2035-01-01T00:00:00Z"),
                sha256: HASH,
            }),
            concat!(
                "+PKI:\"client_ca\",0,\"ca\",\"CN=root\",\"2035-01-01T00:00:00Z\",\"",
                hash!(),
                "\"\r\n"
            ),
        ),
        (
            Info::Pki(PkiLine::Object {
                partition: text("client_key"),
                item: 65535,
                label: text("key"),
                subject: text("p-256"),
                not_after: text(""),
                sha256: HASH,
            }),
            concat!(
                "+PKI:\"client_key\",65535,\"key\",\"p-256\",\"\",\"",
                hash!(),
                "\"\r\n"
            ),
        ),
        (
            Info::Pki(PkiLine::BadObject {
                partition: text("client_key"),
                item: 1,
                label: text("key"),
                code: text("encrypted_key"),
                offset: 12,
                text: text("it has a password"),
            }),
            "+PKI:\"client_key\",1,\"key\",\"encrypted_key\",12,\"it has a password\"\r\n",
        ),
        (
            Info::Pki(PkiLine::BadImage {
                partition: text("server_ca"),
                code: text("erased"),
                offset: 0,
                text: text("nothing is there"),
            }),
            "+PKI:\"server_ca\",\"erased\",0,\"nothing is there\"\r\n",
        ),
    ]
}

#[test]
fn nothing_in_a_certificate_ends_a_field_or_a_line() {
    let hostile = AtStr::plain(b"CN=\"\r\nOK\r\n\x00\x7f,\"x");
    let clean = "\"CN='  OK    ,'x\"";
    let line = PkiLine::Object {
        partition: AtStr::from("client_ca"),
        item: 0,
        label: AtStr::from("ca"),
        subject: hostile,
        not_after: hostile,
        sha256: HASH,
    };
    let mut out = heapless::Vec::<u8, 512>::new();
    Info::Pki(line).write_to(&mut out).unwrap();
    let wanted = concat!("\",", "\"", hash!(), "\"\r\n");
    let shown = String::from_utf8(out.to_vec()).unwrap();
    assert_eq!(
        shown,
        format!(
            "+PKI:\"client_ca\",0,\"ca\",{clean},{}{wanted}",
            &clean[..clean.len() - 1]
        )
    );
}

#[test]
fn a_key_with_control_characters_breaks_no_line() {
    let line = Info::Cipsslcpsk(PskLine {
        link: link(0),
        key: PskKey::new(&b"a\r\nOK\r\n\"b"[..]).unwrap(),
        identity: PskIdentity::new("i").unwrap(),
    });
    let mut out = heapless::Vec::<u8, 128>::new();
    line.write_to(&mut out).unwrap();
    assert_eq!(out, b"+CIPSSLCPSK:0,\"a  OK  'b\",\"i\"\r\n");
    // It is in no log, either.
    assert_eq!(format!("{line:?}").matches("OK").count(), 0, "{line:?}");
}
