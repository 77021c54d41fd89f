//! Key schedule and record protection for TLS_AES_128_GCM_SHA256 (RFC 8446 §5.2, §7).

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes128Gcm, KeyInit, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::codec::{vec8, vec16};

pub const CHANGE_CIPHER_SPEC: u8 = 20;
pub const ALERT: u8 = 21;
pub const HANDSHAKE: u8 = 22;
pub const APPLICATION_DATA: u8 = 23;

/// Version in every record header but possibly the first.
pub const TLS_1_2: u16 = 0x0303;
/// Most bytes of content in one record.
pub const MAX_PLAINTEXT: usize = 1 << 14;

pub type TrafficSecret = [u8; 32];

pub fn hash(transcript: &[u8]) -> TrafficSecret {
    Sha256::digest(transcript).into()
}

fn expand_label<const N: usize>(secret: &TrafficSecret, label: &str, context: &[u8]) -> [u8; N] {
    let mut info = u16::try_from(N).unwrap().to_be_bytes().to_vec();
    info.extend(vec8(format!("tls13 {label}").as_bytes()));
    info.extend(vec8(context));
    let mut out = [0; N];
    Hkdf::<Sha256>::from_prk(secret)
        .unwrap()
        .expand(&info, &mut out)
        .unwrap();
    out
}

fn extract(salt: &TrafficSecret, input: &[u8]) -> TrafficSecret {
    Hkdf::<Sha256>::extract(Some(salt), input).0.into()
}

/// The secrets after ServerHello.
pub struct Schedule {
    handshake: TrafficSecret,
    pub client: TrafficSecret,
    pub server: TrafficSecret,
}

impl Schedule {
    /// From the pre-shared key, if any, the ECDHE result and the hash of ClientHello and ServerHello.
    pub fn new(psk: Option<&[u8]>, shared: &[u8], hellos: &TrafficSecret) -> Self {
        let early = extract(&[0; 32], psk.unwrap_or(&[0; 32]));
        let handshake = extract(&expand_label(&early, "derived", &hash(&[])), shared);
        Self {
            client: expand_label(&handshake, "c hs traffic", hellos),
            server: expand_label(&handshake, "s hs traffic", hellos),
            handshake,
        }
    }

    /// Client's and server's application secrets, from the hash up to the server's Finished.
    pub fn application(&self, transcript: &TrafficSecret) -> (TrafficSecret, TrafficSecret) {
        let salt = expand_label(&self.handshake, "derived", &hash(&[]));
        let master = extract(&salt, &[0; 32]);
        (
            expand_label(&master, "c ap traffic", transcript),
            expand_label(&master, "s ap traffic", transcript),
        )
    }
}

/// The binder of an external pre-shared key over ClientHello without its binders (RFC 8446
/// §4.2.11.2).
pub fn binder(psk: &[u8], partial_hello: &[u8]) -> TrafficSecret {
    let early = extract(&[0; 32], psk);
    let key = expand_label(&early, "ext binder", &hash(&[]));
    finished(&key, &hash(partial_hello))
}

/// `verify_data` of a Finished message.
pub fn finished(secret: &TrafficSecret, transcript: &TrafficSecret) -> TrafficSecret {
    let key: TrafficSecret = expand_label(secret, "finished", &[]);
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&key).unwrap();
    mac.update(transcript);
    mac.finalize().into_bytes().into()
}

/// One direction's key, IV and sequence number.
pub struct Keys {
    secret: TrafficSecret,
    cipher: Aes128Gcm,
    iv: [u8; 12],
    sequence: u64,
}

impl Keys {
    pub fn new(secret: TrafficSecret) -> Self {
        let key: [u8; 16] = expand_label(&secret, "key", &[]);
        Self {
            secret,
            cipher: Aes128Gcm::new(&key.into()),
            iv: expand_label(&secret, "iv", &[]),
            sequence: 0,
        }
    }

    /// The next generation, after a KeyUpdate.
    pub fn update(&mut self) {
        *self = Self::new(expand_label(&self.secret, "traffic upd", &[]));
    }

    fn nonce(&mut self) -> [u8; 12] {
        let mut nonce = self.iv;
        for (byte, count) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= count;
        }
        self.sequence += 1;
        nonce
    }

    /// A whole record around TLSInnerPlaintext `inner`.
    pub fn seal(&mut self, outer: u8, version: u16, inner: &[u8]) -> Vec<u8> {
        let mut record = vec![outer];
        record.extend(version.to_be_bytes());
        record.extend(u16::try_from(inner.len() + 16).unwrap().to_be_bytes());
        let nonce = self.nonce();
        let payload = Payload {
            msg: inner,
            aad: &record,
        };
        let body = self
            .cipher
            .encrypt(Nonce::from_slice(&nonce), payload)
            .unwrap();
        record.extend(body);
        record
    }

    /// Content and type of a record; `None` if it does not decrypt or is nothing but padding.
    pub fn open(&mut self, header: &[u8], body: &[u8]) -> Option<(Vec<u8>, u8)> {
        let nonce = self.nonce();
        let payload = Payload {
            msg: body,
            aad: header,
        };
        let mut inner = self
            .cipher
            .decrypt(Nonce::from_slice(&nonce), payload)
            .ok()?;
        while inner.last() == Some(&0) {
            inner.pop();
        }
        let kind = inner.pop()?;
        Some((inner, kind))
    }
}

/// A record that is not encrypted.
pub fn plain(kind: u8, version: u16, body: &[u8]) -> Vec<u8> {
    let mut record = vec![kind];
    record.extend(version.to_be_bytes());
    record.extend(vec16(body));
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8448 §3, "Simple 1-RTT Handshake".
    #[test]
    fn the_key_schedule_of_rfc_8448() {
        let shared =
            hex::decode("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d")
                .unwrap();
        let hellos: TrafficSecret =
            hex::decode("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8")
                .unwrap()
                .try_into()
                .unwrap();
        let schedule = Schedule::new(None, &shared, &hellos);
        assert_eq!(
            hex::encode(schedule.client),
            "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"
        );
        assert_eq!(
            hex::encode(schedule.server),
            "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38"
        );
        let keys = Keys::new(schedule.server);
        assert_eq!(hex::encode(keys.iv), "5d313eb2671276ee13000b30");
    }
}
