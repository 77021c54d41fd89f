//! Published numbers: RFC 8448 §3 (a whole session of TLS 1.3), RFC 8439 §2.8.2, and case 16 of the
//! specification of GCM.

use std::vec::Vec;

use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use rustls::ProtocolVersion;
use rustls::crypto::cipher::{
    InboundOpaqueMessage, MessageDecrypter as _, MessageEncrypter as _, OutboundChunks,
    OutboundPlainMessage,
};
use rustls::crypto::tls13::{Hkdf as _, HkdfExpander, HkdfUsingHmac, OkmBlock};

use super::*;
use crate::hash::HMAC_SHA256;

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

/// One direction of one epoch: traffic secret, key and IV.
struct Direction {
    secret: &'static str,
    key: &'static str,
    iv: &'static str,
}

const CLIENT_HANDSHAKE: Direction = Direction {
    secret: "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21",
    key: "dbfaa693d1762c5b666af5d950258d01",
    iv: "5bd3c71b836e0b76bb73265f",
};

const SERVER_HANDSHAKE: Direction = Direction {
    secret: "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38",
    key: "3fce516009c21727d0f2e4e86ee403bc",
    iv: "5d313eb2671276ee13000b30",
};

const CLIENT: Direction = Direction {
    secret: "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
    key: "17422dda596ed5d9acd890e3c63f5051",
    iv: "5b78923dee08579033e523d9",
};

const SERVER: Direction = Direction {
    secret: "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
    key: "9f02283b6c9c07efc26bb9f2ac92e356",
    iv: "cf782b88dd83549aadf1e984",
};

impl Direction {
    fn key(&self) -> Key<Aes128Gcm> {
        Key::new(&bytes(self.key), bytes(self.iv).try_into().unwrap())
    }

    /// The record is what comes of its content, and the other way round.
    fn check(&self, number: u64, typ: ContentType, content: &[u8], record: &str) {
        let mut record = bytes(record);
        let plain = OutboundPlainMessage {
            typ,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(content),
        };
        let mut encrypter = tls13::Encrypter(self.key());
        assert_eq!(encrypter.encrypt(plain, number).unwrap().encode(), record);

        let sealed = InboundOpaqueMessage::new(
            ContentType::ApplicationData,
            ProtocolVersion::TLSv1_2,
            &mut record[5..],
        );
        let mut decrypter = tls13::Decrypter::new(self.key());
        let plain = decrypter.decrypt(sealed, number).unwrap();
        assert_eq!(plain.typ, typ);
        if typ == ContentType::ApplicationData {
            let range = plaintext(plain.payload).unwrap();
            assert_eq!(record[range], *content);
        } else {
            assert_eq!(plain.payload, content);
        }
    }
}

#[test]
fn records_of_rfc_8448() {
    let data: Vec<u8> = (0..50).collect();
    let close_notify = [1, 0];
    let finished =
        bytes("14000020a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61");
    CLIENT_HANDSHAKE.check(
        0,
        ContentType::Handshake,
        &finished,
        "170303003575ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc44d87f38\
         f80338ac98fc46deb384bd1caeacab6867d726c40546",
    );
    CLIENT.check(
        0,
        ContentType::ApplicationData,
        &data,
        "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8\
         a5b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4",
    );
    SERVER.check(
        1,
        ContentType::ApplicationData,
        &data,
        "17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf9\
         7d90e6dffc602dcb501a59a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d",
    );
    CLIENT.check(
        1,
        ContentType::Alert,
        &close_notify,
        "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3",
    );
    SERVER.check(
        2,
        ContentType::Alert,
        &close_notify,
        "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9",
    );
}

/// HKDF-Expand-Label (RFC 9846 §7.1).
fn expand_label<const N: usize>(from: &dyn HkdfExpander, label: &str, context: &[u8]) -> [u8; N] {
    let len = u16::try_from(N).unwrap().to_be_bytes();
    let byte = |len: usize| [u8::try_from(len).unwrap()];
    let info: [&[u8]; 6] = [
        &len,
        &byte(6 + label.len()),
        b"tls13 ",
        label.as_bytes(),
        &byte(context.len()),
        context,
    ];
    let mut out = [0; N];
    from.expand_slice(&info, &mut out).unwrap();
    out
}

#[test]
fn key_schedule_of_rfc_8448() {
    let hkdf = HkdfUsingHmac(&HMAC_SHA256);
    let empty = bytes("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    let hello = bytes("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8");
    let finished = bytes("9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13");
    let shared = bytes("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d");

    let early = hkdf.extract_from_zero_ikm(None);
    let derived: [u8; 32] = expand_label(&*early, "derived", &empty);
    assert_eq!(
        hex::encode(derived),
        "6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba"
    );
    let handshake = hkdf.extract_from_secret(Some(&derived), &shared);
    let derived: [u8; 32] = expand_label(&*handshake, "derived", &empty);
    assert_eq!(
        hex::encode(derived),
        "43de77e0c77713859a944db9db2590b53190a65b3ee2e4f12dd7a0bb7ce254b4"
    );
    let master = hkdf.extract_from_zero_ikm(Some(&derived));

    for (from, label, transcript, direction) in [
        (&handshake, "c hs traffic", &hello, CLIENT_HANDSHAKE),
        (&handshake, "s hs traffic", &hello, SERVER_HANDSHAKE),
        (&master, "c ap traffic", &finished, CLIENT),
        (&master, "s ap traffic", &finished, SERVER),
    ] {
        let secret: [u8; 32] = expand_label(&**from, label, transcript);
        assert_eq!(hex::encode(secret), direction.secret, "{label}");
        let traffic = hkdf.expander_for_okm(&OkmBlock::new(&secret));
        let key: [u8; 16] = expand_label(&*traffic, "key", &[]);
        let iv: [u8; 12] = expand_label(&*traffic, "iv", &[]);
        assert_eq!(hex::encode(key), direction.key, "{label}");
        assert_eq!(hex::encode(iv), direction.iv, "{label}");
    }
}

/// `sealed` is what comes of `plain`, and the other way round.
fn check_aead<A: Aead>(key: &str, nonce: &str, aad: &str, plain: &[u8], sealed: &str) {
    let key = Key::<A>::new(&bytes(key), [0; 12]);
    let nonce = bytes(nonce).try_into().unwrap();
    let mut payload = PrefixedPayload::from(plain);
    key.seal(&nonce, &bytes(aad), &mut payload, 0).unwrap();
    assert_eq!(hex::encode(payload.as_ref()), sealed);
    let mut sealed = bytes(sealed);
    let len = key.open(&nonce, &bytes(aad), &mut sealed).unwrap();
    assert_eq!(sealed[..len], *plain);
}

#[test]
fn chacha20_poly1305_of_rfc_8439() {
    check_aead::<ChaCha20Poly1305>(
        "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        "070000004041424344454647",
        "50515253c0c1c2c3c4c5c6c7",
        b"Ladies and Gentlemen of the class of '99: \
          If I could offer you only one tip for the future, sunscreen would be it.",
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6\
         3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36\
         92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc\
         3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691",
    );
}

#[test]
fn aes_256_gcm_of_its_specification() {
    check_aead::<Aes256Gcm>(
        "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        "cafebabefacedbaddecaf888",
        "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        &bytes(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
             1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        ),
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
         8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
    );
}
