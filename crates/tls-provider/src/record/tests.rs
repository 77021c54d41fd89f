//! Each AEAD in each version: what is sealed opens again, and what rustls gets of it.

use std::boxed::Box;
use std::vec;
use std::vec::Vec;

use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use proptest::prelude::*;
use rustls::crypto::cipher::{
    InboundOpaqueMessage, MessageDecrypter, MessageEncrypter, OutboundChunks, OutboundPlainMessage,
    make_tls12_aad, make_tls13_aad,
};
use rustls::{PeerMisbehaved, ProtocolVersion};

use super::*;
use crate::messages::{Refused, TICKETS, What};

const IV: [u8; 12] = *b"initial vect";

/// One way of protecting records.
struct Case {
    name: &'static str,
    version: ProtocolVersion,
    /// Where the plaintext begins in a record.
    start: usize,
    encrypter: Box<dyn MessageEncrypter>,
    decrypter: Box<dyn MessageDecrypter>,
    /// Seals what a record holds in TLS 1.3, padding and all, or content of the given type in TLS 1.2.
    seal: fn(u64, ContentType, &[u8]) -> Vec<u8>,
}

fn key<A: Aead>() -> Key<A> {
    Key::new(&vec![0x42; A::key_size()], IV)
}

fn seal_13<A: Aead>(number: u64, _: ContentType, inner: &[u8]) -> Vec<u8> {
    let mut payload = PrefixedPayload::from(inner);
    let aad = make_tls13_aad(inner.len() + TAG);
    key::<A>()
        .seal(&nonce(&IV, number), &aad, &mut payload, 0)
        .unwrap();
    payload.as_ref().to_vec()
}

fn seal_12<A: Aead, const EXPLICIT: usize>(
    number: u64,
    typ: ContentType,
    content: &[u8],
) -> Vec<u8> {
    let nonce = nonce(&IV, number);
    let mut payload = PrefixedPayload::from(&nonce[12 - EXPLICIT..]);
    payload.extend_from_slice(content);
    let aad = make_tls12_aad(number, typ, ProtocolVersion::TLSv1_2, content.len());
    key::<A>()
        .seal(&nonce, &aad, &mut payload, EXPLICIT)
        .unwrap();
    payload.as_ref().to_vec()
}

fn case_13<A: Aead>(name: &'static str) -> Case {
    Case {
        name,
        version: ProtocolVersion::TLSv1_3,
        start: 5,
        encrypter: Box::new(tls13::Encrypter(key::<A>())),
        decrypter: Box::new(tls13::Decrypter::new(key::<A>())),
        seal: seal_13::<A>,
    }
}

fn case_12<A: Aead, const EXPLICIT: usize>(name: &'static str) -> Case {
    Case {
        name,
        version: ProtocolVersion::TLSv1_2,
        start: 5 + EXPLICIT,
        encrypter: Box::new(tls12::Encrypter::<A, EXPLICIT>(key::<A>())),
        decrypter: Box::new(tls12::Decrypter::<A, EXPLICIT>::new(key::<A>())),
        seal: seal_12::<A, EXPLICIT>,
    }
}

fn cases_13() -> [Case; 3] {
    [
        case_13::<Aes128Gcm>("AES-128-GCM, 1.3"),
        case_13::<Aes256Gcm>("AES-256-GCM, 1.3"),
        case_13::<ChaCha20Poly1305>("ChaCha20-Poly1305, 1.3"),
    ]
}

fn cases_12() -> [Case; 3] {
    [
        case_12::<Aes128Gcm, 8>("AES-128-GCM, 1.2"),
        case_12::<Aes256Gcm, 8>("AES-256-GCM, 1.2"),
        case_12::<ChaCha20Poly1305, 0>("ChaCha20-Poly1305, 1.2"),
    ]
}

fn cases() -> impl Iterator<Item = Case> {
    cases_13().into_iter().chain(cases_12())
}

/// What came of one record: the type and payload that rustls gets, and the record afterwards.
type Opened = (ContentType, Vec<u8>, Vec<u8>);

impl Case {
    /// A record as it is on the wire, with its header.
    fn encrypt(&mut self, typ: ContentType, content: &[u8], number: u64) -> Vec<u8> {
        let plain = OutboundPlainMessage {
            typ,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(content),
        };
        let sealed = self.encrypter.encrypt(plain, number).unwrap();
        let record = sealed.encode();
        assert_eq!(
            record.len(),
            5 + self.encrypter.encrypted_payload_len(content.len()),
            "{}",
            self.name
        );
        record
    }

    fn decrypt(&mut self, record: &[u8], number: u64) -> Result<Opened, Error> {
        let mut record = record.to_vec();
        let typ = ContentType::from(record[0]);
        let message = InboundOpaqueMessage::new(typ, ProtocolVersion::TLSv1_2, &mut record[5..]);
        let plain = self.decrypter.decrypt(message, number)?;
        assert_eq!(plain.version, self.version, "{}", self.name);
        let (typ, payload) = (plain.typ, plain.payload.to_vec());
        Ok((typ, payload, record))
    }

    /// Opens a record whose protected bytes are exactly `inner`.
    fn open(&mut self, typ: ContentType, inner: &[u8]) -> Result<Opened, Error> {
        let sealed = (self.seal)(0, typ, inner);
        let outer = match self.version {
            ProtocolVersion::TLSv1_3 => ContentType::ApplicationData,
            _ => typ,
        };
        let mut record = vec![outer.into(), 3, 3, 0, 0];
        record.extend_from_slice(&sealed);
        self.decrypt(&record, 0)
    }
}

/// Asserts that rustls got a note, and that it points at `data`.
fn assert_note(case: &Case, (typ, payload, record): &Opened, data: &[u8]) {
    assert_eq!(*typ, ContentType::ApplicationData, "{}", case.name);
    assert_eq!(payload.len(), 4, "{}", case.name);
    let range = plaintext(payload).unwrap();
    assert_eq!(range, case.start..case.start + data.len(), "{}", case.name);
    assert!(record[range] == *data, "{}", case.name);
}

#[test]
fn application_data_stay_in_the_record_and_rustls_gets_a_note() {
    for mut case in cases() {
        for len in [1, 2, 3, 4, 5, 255, 256, MAX_CONTENT - 1, MAX_CONTENT] {
            let data = vec![0xda; len];
            let record = case.encrypt(ContentType::ApplicationData, &data, 7);
            let opened = case.decrypt(&record, 7).unwrap();
            assert_note(&case, &opened, &data);
        }
    }
}

#[test]
fn an_empty_record_of_application_data_has_no_note() {
    for mut case in cases() {
        let record = case.encrypt(ContentType::ApplicationData, &[], 0);
        let (typ, payload, _) = case.decrypt(&record, 0).unwrap();
        assert_eq!((typ, payload.len()), (ContentType::ApplicationData, 0));
        assert_eq!(plaintext(&payload), None);
    }
}

#[test]
fn other_content_reaches_rustls_itself() {
    let finished = [20, 0, 0, 1, 9];
    for mut case in cases() {
        for (typ, content) in [
            (ContentType::Alert, &[1, 0][..]),
            (ContentType::Handshake, &finished),
            (ContentType::Unknown(99), &[1, 2, 3, 4, 5]),
        ] {
            let record = case.encrypt(typ, content, 1);
            let (found, payload, _) = case.decrypt(&record, 1).unwrap();
            assert_eq!((found, &*payload), (typ, content), "{}", case.name);
        }
    }
}

/// Only application data may be empty; in TLS 1.3 the type in the header is part of what is authenticated.
#[test]
fn empty_messages_and_other_outer_types_are_refused() {
    for mut case in cases() {
        for typ in [ContentType::Handshake, ContentType::Alert] {
            let record = case.encrypt(typ, &[], 1);
            let refused = case.decrypt(&record, 1).unwrap_err();
            let empty = Error::InvalidMessage(InvalidMessage::InvalidEmptyPayload);
            assert_eq!(refused, empty, "{}", case.name);
        }
        for kind in [20, 21, 22] {
            let mut record = case.encrypt(ContentType::ApplicationData, b"data", 1);
            record[0] = kind;
            let refused = case.decrypt(&record, 1).unwrap_err();
            assert_eq!(refused, Error::DecryptError, "{}", case.name);
        }
    }
}

#[test]
fn a_note_has_four_bytes_and_nothing_else_is_one() {
    assert_eq!(plaintext(&[0, 8, 0x40, 0]), Some(13..13 + MAX_CONTENT));
    assert_eq!(plaintext(&[0xff; 4]), Some(5 + 65_535..5 + 2 * 65_535));
    for len in (0..40).filter(|len| *len != 4) {
        assert_eq!(plaintext(&vec![1; len]), None, "{len}");
    }
    assert_eq!(note::of(&(65_536..65_537)), None);
    assert_eq!(note::of(&(0..65_536)), None);
}

#[test]
fn a_change_in_any_byte_or_number_is_a_wrong_tag() {
    for mut case in cases() {
        let record = case.encrypt(ContentType::ApplicationData, b"data", 3);
        for at in 5..record.len() {
            let mut changed = record.clone();
            changed[at] ^= 1;
            assert_eq!(case.decrypt(&changed, 3), Err(Error::DecryptError), "{at}");
        }
        for number in [0, 2, 4, 3 << 32, u64::MAX] {
            let result = case.decrypt(&record, number);
            assert_eq!(result, Err(Error::DecryptError), "{} {number}", case.name);
        }
    }
}

#[test]
fn the_type_of_a_record_is_protected() {
    for mut case in cases_12() {
        let mut record = case.encrypt(ContentType::ApplicationData, b"data", 3);
        record[0] = ContentType::Alert.into();
        assert_eq!(
            case.decrypt(&record, 3),
            Err(Error::DecryptError),
            "{}",
            case.name
        );
    }
}

#[test]
fn a_record_shorter_than_what_every_record_has_is_a_wrong_tag() {
    for mut case in cases() {
        let mut record = vec![23, 3, 3, 0, 0];
        for _ in 0..=case.start - 5 + TAG {
            assert_eq!(
                case.decrypt(&record, 0),
                Err(Error::DecryptError),
                "{}",
                case.name
            );
            record.push(0);
        }
    }
}

#[test]
fn a_record_of_more_than_16_kib_is_oversized() {
    for mut case in cases_12() {
        let data = vec![1; MAX_CONTENT + 1];
        for typ in [ContentType::ApplicationData, ContentType::Handshake] {
            let result = case.open(typ, &data);
            assert_eq!(result, Err(Error::PeerSentOversizedRecord), "{}", case.name);
        }
    }
    for mut case in cases_13() {
        // With the type: one byte more than may be. However much of it is padding.
        for content in [0, 1, MAX_CONTENT, MAX_CONTENT + 1] {
            let mut inner = vec![0; MAX_CONTENT + 2];
            inner[..content].fill(1);
            inner[content] = ContentType::ApplicationData.into();
            let result = case.open(ContentType::ApplicationData, &inner);
            assert_eq!(result, Err(Error::PeerSentOversizedRecord), "{}", case.name);
        }
    }
}

#[test]
fn padding_of_any_length_is_removed() {
    for mut case in cases_13() {
        for content in [1, 2, 100, MAX_CONTENT] {
            for padding in [0, 1, 2, 15, 16, 17, 4096, MAX_CONTENT - content] {
                if content + padding > MAX_CONTENT {
                    continue;
                }
                // Zeros at the end of the content are no padding.
                let mut inner = vec![0; content];
                inner[0] = 1;
                let data = inner.clone();
                inner.push(ContentType::ApplicationData.into());
                inner.resize(content + 1 + padding, 0);
                let opened = case.open(ContentType::ApplicationData, &inner).unwrap();
                assert_note(&case, &opened, &data);
            }
        }
        let mut inner = vec![ContentType::ApplicationData.into()];
        inner.resize(MAX_CONTENT + 1, 0);
        let (typ, payload, _) = case.open(ContentType::ApplicationData, &inner).unwrap();
        assert_eq!((typ, payload.len()), (ContentType::ApplicationData, 0));
    }
}

#[test]
fn a_record_of_nothing_but_padding_is_refused() {
    for mut case in cases_13() {
        for len in [0, 1, 2, 100, MAX_CONTENT + 1] {
            let result = case.open(ContentType::ApplicationData, &vec![0; len]);
            let wanted = PeerMisbehaved::IllegalTlsInnerPlaintext.into();
            assert_eq!(result, Err(wanted), "{} {len}", case.name);
        }
    }
}

#[test]
fn a_protected_change_cipher_spec_is_refused() {
    for mut case in cases_13() {
        let result = case.open(ContentType::ApplicationData, &[1, 20]);
        let wanted = PeerMisbehaved::IllegalMiddleboxChangeCipherSpec.into();
        assert_eq!(result, Err(wanted), "{}", case.name);
    }
}

#[test]
fn a_handshake_message_is_refused_by_its_header() {
    for mut case in cases() {
        // The header of a Certificate, one byte per record.
        let header = [11, 0, 0x40, 1];
        for (number, byte) in (0..).zip(&header[..3]) {
            let record = case.encrypt(ContentType::Handshake, &[*byte], number);
            case.decrypt(&record, number).unwrap();
        }
        let record = case.encrypt(ContentType::Handshake, &header[3..], 3);
        let error = case.decrypt(&record, 3).unwrap_err();
        let wanted = Refused::TooLong {
            what: What::Message(11),
            needed: 16_385,
            limit: 16_384,
        };
        assert_eq!(Refused::of(&error), Some(wanted), "{}", case.name);
    }
}

#[test]
fn tickets_are_counted_from_one_record_of_data_to_the_next() {
    for mut case in cases() {
        let ticket = [4, 0, 0, 0];
        let mut number = 0;
        let mut send = |case: &mut Case, typ, content: &[u8]| {
            let record = case.encrypt(typ, content, number);
            let result = case.decrypt(&record, number);
            number += 1;
            result
        };
        for _ in 0..3 {
            for _ in 0..TICKETS {
                send(&mut case, ContentType::Handshake, &ticket).unwrap();
            }
            send(&mut case, ContentType::ApplicationData, b"data").unwrap();
        }
        for _ in 0..TICKETS {
            send(&mut case, ContentType::Handshake, &ticket).unwrap();
            send(&mut case, ContentType::ApplicationData, &[]).unwrap();
        }
        let error = send(&mut case, ContentType::Handshake, &ticket).unwrap_err();
        assert_eq!(Refused::of(&error), Some(Refused::Tickets), "{}", case.name);
    }
}

#[test]
fn a_key_of_the_wrong_length_protects_nothing_and_opens_nothing() {
    let key = || Key::<Aes128Gcm>::new(&[0; 32], IV);
    let plain = OutboundPlainMessage {
        typ: ContentType::ApplicationData,
        version: ProtocolVersion::TLSv1_2,
        payload: OutboundChunks::Single(b"data"),
    };
    let result = tls13::Encrypter(key()).encrypt(plain, 0);
    assert_eq!(result.err(), Some(Error::EncryptError));
    let mut record = [0; 40];
    let message = InboundOpaqueMessage::new(
        ContentType::ApplicationData,
        ProtocolVersion::TLSv1_2,
        &mut record,
    );
    let result = tls13::Decrypter::new(key()).decrypt(message, 0);
    assert_eq!(result.err(), Some(Error::DecryptError));
}

#[test]
fn the_nonce_is_the_iv_plus_the_number_of_the_record() {
    assert_eq!(nonce(&IV, 0), IV);
    assert_eq!(
        nonce(&[0; 12], 0x0102),
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]
    );
    assert_eq!(
        nonce(&[0xff; 12], u64::MAX)[..5],
        [0xff, 0xff, 0xff, 0xff, 0]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever a peer with the keys puts into a record: an error, a note that points into the record, or
    /// content of the record.
    #[test]
    fn any_content_is_judged_without_panic(
        typ in prop_oneof![Just(20_u8), Just(21), Just(22), Just(23), any::<u8>()],
        mut inner in prop::collection::vec(prop_oneof![Just(0_u8), Just(22), Just(23), any::<u8>()], 0..80),
        padding in 0..40_usize,
    ) {
        inner.resize(inner.len() + padding, 0);
        for mut case in cases() {
            let Ok((typ, payload, record)) = case.open(ContentType::from(typ), &inner) else {
                continue;
            };
            match plaintext(&payload) {
                Some(range) if typ == ContentType::ApplicationData => {
                    prop_assert!(inner.starts_with(&record[range]));
                }
                _ => prop_assert!(inner.starts_with(&payload)),
            }
        }
    }

    /// Records that were not made with the keys.
    #[test]
    fn any_bytes_are_a_wrong_tag(record in prop::collection::vec(any::<u8>(), 5..200), number: u64) {
        for mut case in cases() {
            prop_assert_eq!(case.decrypt(&record, number), Err(Error::DecryptError));
        }
    }
}

/// The three errors for which rustls sends an alert, and no other record without a body is one of them.
#[test]
fn an_alert_is_asked_for_by_a_record_without_a_body() {
    for mut case in cases() {
        for minor in 0..=255_u8 {
            let expected = match minor {
                10 => PeerMisbehaved::IllegalMiddleboxChangeCipherSpec.into(),
                22 => Error::PeerSentOversizedRecord,
                50 => InvalidMessage::MessageTooLarge.into(),
                _ => Error::DecryptError,
            };
            for body in [&[][..], &[7]] {
                let mut body = body.to_vec();
                let is_empty = body.is_empty();
                let version = ProtocolVersion::from(0x0300 | u16::from(minor));
                let typ = ContentType::ApplicationData;
                let message = InboundOpaqueMessage::new(typ, version, &mut body);
                let error = case.decrypter.decrypt(message, 0).map(|_| ()).unwrap_err();
                match is_empty {
                    true => assert_eq!(error, expected, "{} {minor}", case.name),
                    false => assert_eq!(error, Error::DecryptError, "{} {minor}", case.name),
                }
            }
        }
        for alert in [
            Alert::UnexpectedMessage,
            Alert::RecordOverflow,
            Alert::DecodeError,
        ] {
            assert_eq!(alert_request(alert), [23, 3, alert.number(), 0, 0]);
        }
    }
}

/// In TLS 1.3; what is no message of its kind stays what it is.
#[test]
fn user_canceled_is_a_warning_whatever_its_level() {
    for mut case in cases_13() {
        for (content, got) in [
            (&[2, 90][..], &[1, 90][..]),
            (&[1, 90], &[1, 90]),
            (&[7, 90], &[1, 90]),
            (&[2, 80], &[2, 80]),
            (&[90], &[90]),
            (&[2, 90, 0], &[2, 90, 0]),
        ] {
            let record = case.encrypt(ContentType::Alert, content, 1);
            let (_, payload, _) = case.decrypt(&record, 1).unwrap();
            assert_eq!(payload, got, "{}", case.name);
        }
    }
}
